/**
 * What a person says about the tools of one server, as a file in YAML: name of the tool → what is said about it. What is not said stays as it was guessed.
 * `atf tool classify SERVER --file FILE` reads it, and so does the benchmark over recorded attacks.
 */
import { z } from 'zod';
import { classificationSchema } from './feed.ts';
import { parseStrictYaml } from './strict-yaml.ts';
import { governedNameLengthMax } from './words.ts';

export const classificationFileBytesMax = 262_144;
export const classifiedToolsMax = 1_000;

/** What of a classification a person says. */
export const saidOfToolSchema = classificationSchema.omit({ by: true }).partial();
export const saidOfToolsSchema = z
  .record(z.string().min(1).max(governedNameLengthMax), saidOfToolSchema)
  .refine(
    (tools) => Object.keys(tools).length <= classifiedToolsMax,
    `more than ${classifiedToolsMax} tools`,
  );
export type SaidOfTools = z.infer<typeof saidOfToolsSchema>;

export type ClassificationFile =
  | { readonly ok: true; readonly tools: SaidOfTools }
  /** With the place, without what stands there. */
  | { readonly ok: false; readonly problem: string };

export function parseClassificationFile(text: string): ClassificationFile {
  const read = parseStrictYaml(text, classificationFileBytesMax);
  if (!read.ok) return { ok: false, problem: read.problem };
  const parsed = saidOfToolsSchema.safeParse(read.value);
  if (parsed.success) return { ok: true, tools: parsed.data };
  const [issue] = parsed.error.issues;
  return {
    ok: false,
    problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a classification'}`,
  };
}
