/**
 * Room: data (D-2). What a result says of its own confidentiality: members named like a classification, in its metadata, its structured content, its texts that are
 * JSON. Only that it says more counts, never that it says less. A document that is marked in its prose is not seen. Pure.
 */
import { compatibleForm } from '../compatible-form.ts';
import { isJsonObject, type Json, parseStrictText } from '../wire/json.ts';
import { sensitivities, type Sensitivity } from '../wire/words.ts';

const members = /(?:^|[/._-])(?:confidentiality|sensitivity|classification|security_?level)$/i;
const alsoSaid: Readonly<Record<string, Sensitivity>> = {
  secret: 'restricted',
  'top secret': 'restricted',
  'strictly confidential': 'restricted',
  private: 'confidential',
};
/** Values that are looked at, and how deep. */
const valuesMax = 100_000;
const depthMax = 32;
const textLengthMax = 1_048_576;

function wordOf(value: Json): Sensitivity | undefined {
  if (typeof value !== 'string' || value.length > 100) return undefined;
  const word = compatibleForm(value)
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');
  return sensitivities.find((each) => each === word) ?? alsoSaid[word];
}

const higher = (one: Sensitivity | undefined, other: Sensitivity | undefined): Sensitivity | undefined =>
  sensitivities.findLast((each) => each === one || each === other);

/** The highest level that these values claim; undefined: none. What is too large to be looked at as a whole claims the highest. */
export function levelClaimed(values: readonly (Json | undefined)[]): Sensitivity | undefined {
  let found: Sensitivity | undefined;
  let left = valuesMax;
  const look = (value: Json | undefined, depth: number): void => {
    if (value === undefined || value === null || found === 'restricted') return;
    if (left-- <= 0 || depth > depthMax) {
      found = 'restricted';
      return;
    }
    if (typeof value === 'string') return lookInside(value, depth);
    if (Array.isArray(value)) {
      for (const each of value) look(each, depth + 1);
      return;
    }
    if (!isJsonObject(value)) return;
    for (const [name, each] of Object.entries(value)) {
      if (members.test(name)) found = higher(found, wordOf(each ?? null));
      look(each, depth + 1);
    }
  };
  const lookInside = (text: string, depth: number): void => {
    const start = text.slice(0, 100).trimStart()[0];
    if (start !== '{' && start !== '[') return;
    const parsed = parseStrictText(text, { bytesMax: textLengthMax, depthMax, valuesMax });
    if (parsed.ok) look(parsed.value, depth + 1);
  };
  for (const value of values) look(value, 0);
  return found;
}
