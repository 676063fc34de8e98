/** The file in which somebody says which tools a cooperative server has (S-1): a list of MCP tool definitions, as YAML or JSON, or `{tools: [...]}`. */
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { CliFailure, exitCodes } from './exit-codes.ts';

const fileBytesMax = 2 * 1_048_576;
const definitionsSchema = z
  .array(z.looseObject({ name: z.string(), inputSchema: z.looseObject({}) }))
  .min(1)
  .max(500);
const fileSchema = z.union([
  definitionsSchema,
  z.strictObject({ tools: definitionsSchema }).transform(({ tools }) => tools),
]);

/** @throws CliFailure when there is no such file, or it does not say that */
export function readDefinitions(file: string): Record<string, unknown>[] {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size > fileBytesMax)
    throw new CliFailure(exitCodes.usage, `${file} is not a file of at most ${fileBytesMax} bytes`);
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0, uniqueKeys: true });
  } catch (fault) {
    throw new CliFailure(
      exitCodes.usage,
      `${file}: ${fault instanceof Error ? fault.message.split('\n', 1)[0] : 'unreadable'}`,
    );
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success)
    throw new CliFailure(exitCodes.usage, `${file} does not list tools`, {
      help: 'Each has a name and an inputSchema, as tools of MCP have; description, outputSchema and annotations are welcome.',
    });
  return parsed.data;
}
