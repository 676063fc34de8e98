/** The file in which people accept findings of the analysis (docs/how-to/find-dangerous-combinations.md). Apart from the wire: it needs a YAML reader. */
import { type Acceptance, acceptanceFileBytesMax, acceptanceFileSchema } from './policy-analysis.ts';
import { parseStrictYaml } from './strict-yaml.ts';

export type AcceptanceFile =
  | { readonly ok: true; readonly accepted: readonly Acceptance[] }
  | { readonly ok: false; readonly problem: string };

/** Problems name places, not content. */
export function parseAcceptanceFile(text: string): AcceptanceFile {
  const read = parseStrictYaml(text, acceptanceFileBytesMax);
  if (!read.ok) return read;
  const checked = acceptanceFileSchema.safeParse(read.value);
  if (checked.success) return { ok: true, accepted: checked.data.accepted };
  const [issue] = checked.error.issues;
  return {
    ok: false,
    problem: `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not readable'}`,
  };
}
