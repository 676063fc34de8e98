/** Room: segmentation (S-1). What a statement does, gathered while its tree is walked: tables, operations and columns; and which tables a name can mean. */
import { allColumns, type TableOperation, type TableUse, tableOperations } from '../../wire/database.ts';
import { NotGoverned } from './refused.ts';

const tablesMax = 64;
const columnsMax = 200;

/** One entry of a FROM list, or the target of a change. `tables`: what stands behind it; none for a subquery, whose own columns were counted inside. */
export interface Item {
  readonly alias: string;
  /** The table by its full name, where it may be called so. */
  readonly fullName?: string;
  readonly tables: readonly string[];
  /** Of a function in place of a table: the only columns that it is known to have. Any other name after it would call a function of that name. */
  readonly columns?: ReadonlySet<string>;
}

export interface Scope {
  readonly items: Item[];
  readonly outer: Scope | undefined;
}

export class Uses {
  readonly #found = new Map<string, { table: string; operation: TableOperation; columns: Set<string> }>();

  add(table: string, operation: TableOperation, ...columns: readonly string[]): void {
    const key = `${operation} ${table}`;
    const use = this.#found.get(key) ?? { table, operation, columns: new Set<string>() };
    this.#found.set(key, use);
    for (const column of columns) use.columns.add(column);
    if (this.#found.size > tablesMax) throw new NotGoverned(`more than ${tablesMax} tables and operations`);
    if (use.columns.size > columnsMax) throw new NotGoverned(`more than ${columnsMax} columns of one table`);
  }

  addRead(item: Item, column: string): void {
    for (const table of item.tables) this.add(table, 'read', column);
  }

  /** In a fixed order, so that the same statement always gives the same record. */
  list(): TableUse[] {
    return [...this.#found.values()]
      .sort(
        (a, b) =>
          tableOperations.indexOf(a.operation) - tableOperations.indexOf(b.operation) ||
          (a.table < b.table ? -1 : 1),
      )
      .map(({ table, operation, columns }) => ({
        table,
        operation,
        columns: columns.has(allColumns) ? [allColumns] : [...columns].sort(),
      }));
  }
}

export function* scopesOf(scope: Scope | undefined): Generator<Scope> {
  for (let at = scope; at !== undefined; at = at.outer) yield at;
}

/** `*` and `t.*`: every column of what it can mean. */
export function readAll(uses: Uses, scope: Scope, alias: string | undefined): void {
  const items =
    alias === undefined
      ? scope.items
      : [...scopesOf(scope)].flatMap((each) => each.items.filter((item) => item.alias === alias));
  if (alias !== undefined && items.length === 0) throw notHere(alias);
  for (const item of items) uses.addRead(item, allColumns);
}

/**
 * A column without a table may be one of any table that can be seen from there: it counts for each of them. A name that a table has there may be the whole row.
 */
export function readBare(uses: Uses, scope: Scope, column: string): void {
  for (const { items } of scopesOf(scope)) {
    for (const item of items) uses.addRead(item, item.alias === column ? allColumns : column);
  }
}

/** `t.column`, in every scope that knows a `t`: which of them a database takes is its own matter. */
export function readQualified(uses: Uses, scope: Scope, alias: string, column: string): void {
  const found = [...scopesOf(scope)].flatMap(({ items }) => items.filter((item) => item.alias === alias));
  if (found.length === 0) throw notHere(alias);
  for (const item of found) {
    if (item.columns?.has(column) === false)
      throw new NotGoverned(
        `a column that nothing names: write the function as ${alias}(column) and then ${alias}.column`,
      );
    uses.addRead(item, column);
  }
}

/** `schema.table.column`. */
export function readFullyQualified(uses: Uses, scope: Scope, names: readonly string[], column: string): void {
  const found = [...scopesOf(scope)].flatMap(({ items }) =>
    items.filter(({ fullName }) => fullName !== undefined && names.includes(fullName)),
  );
  if (found.length === 0) throw notHere(names.at(-1) ?? '');
  for (const item of found) uses.addRead(item, column);
}

const notHere = (name: string) => new NotGoverned(`no table is called ${name} where the statement names it`);
