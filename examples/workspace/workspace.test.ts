import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { classificationSchema } from '@atf/core/wire/feed';
import { manifestSchema } from '@atf/core/wire/manifest';
import { levels, levelSchema, nameSchema, roleSchema, toolRefSchema } from '@atf/core/wire/words';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const here = dirname(fileURLToPath(import.meta.url));
const read = (path: string): unknown => parse(readFileSync(join(here, path), 'utf8'));

const serverMembers = {
  name: nameSchema,
  domain: nameSchema,
  outputTrust: z.enum(['trusted', 'untrusted']),
};
const workspaceSchema = z.strictObject({
  people: z.array(
    z.strictObject({
      email: z.email().endsWith('@example.com'),
      name: z.string().min(1),
      roles: z.array(roleSchema).min(1),
      simulatedPresence: z.literal(true).optional(),
    }),
  ),
  folders: z.array(z.strictObject({ from: z.string(), to: z.string().startsWith('{data}/') })),
  servers: z.array(
    z.discriminatedUnion('transport', [
      z.strictObject({
        ...serverMembers,
        transport: z.literal('stdio'),
        command: z.array(z.string()).min(1),
        stateless: z.boolean(),
      }),
      z.strictObject({ ...serverMembers, transport: z.literal('cooperative'), definitions: z.string() }),
    ]),
  ),
  classifications: z.record(toolRefSchema, classificationSchema.omit({ by: true })),
  agents: z.array(z.strictObject({ manifest: z.string(), level: levelSchema })),
});
const workspace = workspaceSchema.parse(read('workspace.yaml'));
const people = new Map(workspace.people.map((person) => [person.email, person.roles]));
const servers = new Set(workspace.servers.map((server) => server.name));

describe('the example workspace', () => {
  it('has one agent for each level and one approver whose presence is simulated', () => {
    expect(workspace.agents.map((agent) => agent.level)).toEqual(levels);
    expect(
      workspace.people.filter((person) => person.simulatedPresence).map((person) => person.roles),
    ).toEqual([['approver']]);
  });

  it.each(workspace.agents)(
    '$manifest conforms, and its people hold the offices it names',
    ({ manifest, level }) => {
      const agent = manifestSchema.parse(read(manifest));
      expect(agent.name.startsWith(`${level}-`)).toBe(true);
      expect(people.get(agent.owner)).toContain('agent_owner');
      expect(people.get(agent.technicalOwner)).toContain('technical_owner');
      expect(people.get(agent.businessOwner)).toContain('business_owner');
      expect(people.get(agent.sponsor ?? '')).toContain('sponsor');
      expect(new Set([agent.owner, agent.technicalOwner, agent.businessOwner]).size).toBe(3);
      for (const person of [...agent.mayStop, agent.escalation]) expect(people.has(person)).toBe(true);
      for (const tool of agent.tools) expect(servers).toContain(tool.split('/')[0]);
      for (const limit of agent.limits)
        expect(limit.tool === undefined || agent.tools.includes(limit.tool)).toBe(true);
    },
  );

  it('classifies tools of its own servers', () => {
    for (const [tool, classification] of Object.entries(workspace.classifications)) {
      expect(servers).toContain(tool.split('/')[0]);
      const inverse =
        classification.inverse === undefined ? undefined : `${tool.split('/')[0]}/${classification.inverse}`;
      if (inverse !== undefined) expect(Object.keys(workspace.classifications)).toContain(inverse);
    }
  });
});
