/**
 * Room: segmentation (S-2, S-4). What a statement changes, for the questions that a tool's name and arguments answer elsewhere: whether the task asks for it, and where
 * the values in it come from.
 */
import type { QueryFact } from '../../wire/database.ts';

/** `update tickets`, one for each table that is changed; none: it only reads. */
export function changesOf(fact: QueryFact | undefined): string[] {
  if (fact?.verdict !== 'read') return [];
  return fact.uses.flatMap(({ operation, table }) =>
    operation === 'read' ? [] : [`${operation}_${table.slice(table.lastIndexOf('.') + 1)}`],
  );
}

const literalsMax = 500;
/** A text in single quotes, or a number that is no part of a name. */
const literalPattern = /'((?:[^']|'')*)'|(?<![\p{L}\p{N}_.$])\d+(?:\.\d+)?/gu;
/** Texts that are written in another way: nobody says here what they hold. */
const otherTexts = /\$[\p{L}_]*\$|(?<![\p{L}\p{N}_'])[eEbBxXuUnN]&?'|\\/u;

/** The texts and numbers in a statement. What is written in another way counts as one value, which comes from nowhere. */
export function literalsIn(statement: string): string[] {
  if (otherTexts.test(statement)) return [statement];
  const found = [...statement.matchAll(literalPattern)].map(
    ([whole, text]) => text?.replaceAll("''", "'") ?? whole,
  );
  return found.length > literalsMax ? [statement] : found;
}
