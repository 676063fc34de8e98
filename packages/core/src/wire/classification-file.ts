/**
 * What a person says about the tools of one server, as a file in YAML: name of the tool → what is said about it. What is not said stays as it was guessed.
 * `atf tool classify SERVER --file FILE` reads it, and so does the benchmark over recorded attacks.
 */
import { type SaidOfTools, saidOfToolsSchema } from './classifications.ts';
import { parseStrictYaml } from './strict-yaml.ts';

export const classificationFileBytesMax = 262_144;
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
