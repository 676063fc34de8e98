/** Room: workspace. The file that describes the example workspace (`examples/workspace/workspace.yaml`), checked. */
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { argumentRolesSchema, classificationSchema } from '@atf/core/wire/feed';
import { levelSchema, nameSchema, outputTrustSchema, roleSchema, toolRefSchema } from '@atf/core/wire/words';
import { z } from 'zod';

const bytesMax = 262_144;
const path = z.string().min(1).max(4_096);

const serverMembers = { name: nameSchema, domain: nameSchema, outputTrust: outputTrustSchema };

const workspaceSchema = z.strictObject({
  people: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        email: z.email(),
        roles: z.array(roleSchema).max(9),
        /** A marked bootstrap person: presence may be simulated here. */
        simulatedPresence: z.boolean().default(false),
      }),
    )
    .max(100),
  /** Copied before the servers start. */
  folders: z.array(z.strictObject({ from: path, to: path })).max(20),
  servers: z
    .array(
      z.discriminatedUnion('transport', [
        z.strictObject({
          ...serverMembers,
          transport: z.literal('stdio'),
          command: z.array(path).min(1).max(50),
          stateless: z.boolean(),
        }),
        /** Tools that agents run themselves; their definitions stand in a file. */
        z.strictObject({ ...serverMembers, transport: z.literal('cooperative'), definitions: path }),
      ]),
    )
    .max(20),
  classifications: z.record(
    toolRefSchema,
    classificationSchema.omit({ by: true }).extend({ arguments: argumentRolesSchema }),
  ),
  agents: z.array(z.strictObject({ manifest: path, level: levelSchema })).max(50),
});
export type Workspace = z.infer<typeof workspaceSchema>;

/** @throws when the product's own file is damaged: that is a fault of the installation. */
export function parseWorkspace(text: string): Workspace {
  const parsed = parseStrictYaml(text, bytesMax);
  if (!parsed.ok) throw new Error(`workspace.yaml: ${parsed.problem}`);
  return workspaceSchema.parse(parsed.value);
}

/** Tool definitions of a cooperative server. @throws as {@link parseWorkspace} */
export function readWorkspaceDefinitions(text: string): Record<string, unknown>[] {
  const parsed = parseStrictYaml(text, bytesMax);
  if (!parsed.ok) throw new Error(`definitions: ${parsed.problem}`);
  return z.strictObject({ tools: z.array(z.record(z.string(), z.unknown())).max(100) }).parse(parsed.value)
    .tools;
}
