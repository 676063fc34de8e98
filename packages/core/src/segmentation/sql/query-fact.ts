/**
 * Room: segmentation (S-1). The SQL of a call, as a fact that a decision may know. The parser is handed in, because core does no input or output: gateways decide
 * by it, and control says by it what would be decided.
 */
import { compatibleForm } from '../../compatible-form.ts';
import type { Database, QueryFact } from '../../wire/database.ts';
import type { ToolDoc } from '../../wire/feed.ts';
import type { JsonObject } from '../../wire/json.ts';
import { wordSet, wordsOf } from '../classify.ts';
import { standsElsewhere } from '../transaction.ts';
import { unreadable } from './refused.ts';
import { readStatement } from './statement.ts';
import { textProblem } from './text.ts';

/** PostgreSQL's own parser. */
export interface SqlParser {
  /** The tree of the text, as PostgreSQL's raw parser prints it in JSON. @throws where it does not parse. */
  parse(text: string): unknown;
  /** Where it does not parse, from 0; undefined: the parser did not say. */
  placeOf(error: unknown): number | undefined;
}

/** What one statement does, or why that cannot be said. Never throws; bounded by `textProblem`. */
export function readQuery({ parse, placeOf }: SqlParser, text: string, database: Database): QueryFact {
  const problem = textProblem(text, database.dialect);
  if (problem !== undefined) return unreadable(problem);
  if (text.trim() === '') return unreadable('there is no statement');
  try {
    return readStatement(parse(text), text, database);
  } catch (error) {
    // Its message quotes the statement, so only the place is told.
    const at = placeOf(error);
    return unreadable(at === undefined ? 'it cannot be parsed' : `it does not parse at character ${at + 1}`);
  }
}

const choosing = wordSet('sql statement statements schema schemas database databases db catalog');

/** Whether an argument, by its name, is a statement itself, or chooses the database or schema in which the names of a statement are looked for. */
function choosesNames(argument: string): boolean {
  const words = wordsOf(compatibleForm(argument));
  return words.some((word) => choosing.has(word)) || (words.includes('search') && words.includes('path'));
}

/** The fact about one call; undefined: the tool takes no SQL, or nobody has said which database reads it. */
export function queryFact(parser: SqlParser, tool: ToolDoc, args: JsonObject): QueryFact | undefined {
  const { database, arguments: roles } = tool.classification;
  if (roles.sql === undefined || database === undefined) return undefined;
  const text = Object.hasOwn(args, roles.sql) ? args[roles.sql] : undefined;
  if (standsElsewhere(args, roles.sql))
    return unreadable('a second argument has the name of the one that is SQL');
  const beside = Object.keys(args).find((name) => name !== roles.sql && choosesNames(name));
  if (beside !== undefined)
    return unreadable('another argument is SQL as well, or says where names are looked for: leave it out');
  return typeof text === 'string'
    ? readQuery(parser, text, database)
    : unreadable('the argument that is to be SQL is not there, or is no text');
}

/** For questions about a tool without a call. */
export const anyQuery = (tool: ToolDoc): QueryFact | undefined =>
  tool.classification.arguments.sql === undefined ? undefined : { verdict: 'any' };
