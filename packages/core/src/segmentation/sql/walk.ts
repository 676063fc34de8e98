/** Room: segmentation (S-1). What the parts of the walk over a statement share. */
import type { Database } from '../../wire/database.ts';
import { NotGoverned } from './refused.ts';
import { treeDepthMax } from './tree.ts';
import type { Scope, Uses } from './uses.ts';

/** Where a part of a statement stands: the names of queries (WITH) it may mean, and the tables whose columns it may name. */
export interface Place {
  readonly queries: ReadonlySet<string>;
  readonly scope: Scope;
}

export interface Walk {
  readonly uses: Uses;
  readonly database: Database;
  /** Full names of the tables, for dialects that tell more names apart than the parser does. */
  readonly written: Set<string>;
  depth: number;
  /** A whole query or change below another one. */
  statement(node: unknown, place: Pick<Place, 'queries'> & { readonly outer: Scope | undefined }): void;
}

/** One level further down. */
export function deeper(walk: Walk, work: () => void): void {
  walk.depth += 1;
  if (walk.depth > treeDepthMax) throw new NotGoverned('it is nested too deeply');
  work();
  walk.depth -= 1;
}
