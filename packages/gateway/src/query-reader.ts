/** Room: segmentation (S-1). The parser of SQL in a gateway: PostgreSQL's own, compiled to WebAssembly, in process and synchronous, so that a decision stays one step. */
import { queryFact, type SqlParser } from '@atf/core/segmentation/sql/query-fact';
import type { QueryFact } from '@atf/core/wire/database';
import type { ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';

// A gateway without its parser does not start.
await loadModule();

export const sqlParser: SqlParser = {
  parse: parseSync,
  placeOf: (error) => (hasSqlDetails(error) ? error.sqlDetails?.cursorPosition : undefined),
};

/** A call is decided more than once; what it says stays the same. Arguments are never changed in place. */
const known = new WeakMap<JsonObject, { readonly tool: ToolDoc; readonly fact: QueryFact | undefined }>();

/** What the SQL of this call does; undefined: the tool takes none. */
export function queryOf(tool: ToolDoc, args: JsonObject): QueryFact | undefined {
  const before = known.get(args);
  if (before?.tool === tool) return before.fact;
  const fact = queryFact(sqlParser, tool, args);
  if (fact !== undefined) known.set(args, { tool, fact });
  return fact;
}
