/** Room: policy. What is wrong with a policy, in one line with file, line and column. */
import type { Doubt } from '@atf/core/policy/doubts';
import type { PolicyTextProblem } from './cedar.ts';
import type { PolicyFiles } from './files.ts';

/** `levels.cedar:12:5 levels.read: …`, as editors and terminals make links of. */
export function said({ file, line, column, policyId, message }: PolicyTextProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  const where = [place, policyId ?? ''].filter((word) => word !== '').join(' ');
  return where === '' ? message : `${where}: ${message}`;
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `levels.cedar:12:5 levels.read: …`; of the word where it stands behind the id, else of the policy. */
export function saidOf({ files }: PolicyFiles, id: string, { message, word }: Doubt): string {
  const named = new RegExp(`@id\\s*\\(\\s*"${escaped(id)}"`);
  const file = files.find(({ name, text }) => name.endsWith('.cedar') && named.test(text));
  const start = file?.text.search(named) ?? -1;
  if (file === undefined || start < 0) return said({ code: 'schema_mismatch', message, policyId: id });
  const found = word === undefined ? -1 : file.text.indexOf(JSON.stringify(word), start);
  const before = file.text.slice(0, found < 0 ? start : found);
  const place = { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
  return said({ code: 'schema_mismatch', message, policyId: id, file: file.name, ...place });
}
