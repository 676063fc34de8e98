/** Texts of recorded work for the figures about injected orders: what tools answered (with an attack in it, and without), and definitions of tools. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@atf/core/wire/json';
import { z } from 'zod';
import { agentDojo } from '../tools/train/rows.ts';
import type { InjectionRow } from './injection.ts';

export const traceRows = (folder: string): InjectionRow[] =>
  agentDojo(folder).map(({ source, label, text }) => ({ set: source, attack: label === 1, text }));

const toolSchema = z.object({
  name: z.string(),
  description: z.string().default(''),
  parameters: z.record(z.string(), z.json()).default({}),
});
const suites: Readonly<Record<string, z.ZodType<z.infer<typeof toolSchema>[]>>> = {
  'agentdojo/workspace.json': z.object({ tools: z.array(toolSchema) }).transform(({ tools }) => tools),
  'agentdojo/slack.json': z.object({ tools: z.array(toolSchema) }).transform(({ tools }) => tools),
  'tau/tools.json': z.record(z.string(), z.array(toolSchema)).transform((all) => Object.values(all).flat()),
};

export interface ToolSet {
  readonly set: string;
  readonly definitions: readonly JsonObject[];
}

/** Definitions of tools as a tool server would offer them, by who offers them. */
export function toolSets(folder: string): ToolSet[] {
  return Object.entries(suites).flatMap(([path, schema]) => {
    const file = join(folder, path);
    if (!existsSync(file)) return [];
    const tools = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const definitions = tools.map(({ name, description, parameters }) => ({
      name,
      description,
      inputSchema: { type: 'object', ...parameters },
    }));
    return [{ set: path, definitions }];
  });
}

export const toolRows = (folder: string): InjectionRow[] =>
  toolSets(folder).flatMap(({ set, definitions }) =>
    definitions.map((each) => ({ set: `tools of ${set}`, attack: false, text: JSON.stringify(each) })),
  );
