/**
 * Room: segmentation (S-1). From the tree of a parsed statement to what it does: which tables, which operation, which columns. Governed are one SELECT, INSERT,
 * UPDATE or DELETE, with everything that can stand inside; whatever is not known here is refused. Whether an agent may do it: `rights.ts`. Pure: the parser is the
 * caller's. A view is a table by its own name: what it reads is what whoever made it let it read.
 */
import { allColumns, type Database, type QueryFact, type TableOperation } from '../../wire/database.ts';
import { wordSet } from '../classify.ts';
import { expression } from './expression.ts';
import { addFrom, tableOf } from './from.ts';
import { NotGoverned, unreadable } from './refused.ts';
import { writtenOtherwise } from './text.ts';
import { listOf, nameOf, nodeOf, nodeWords, only, type Struct, structOf, textOf } from './tree.ts';
import { type Item, type Scope, Uses } from './uses.ts';
import { deeper, type Place, type Walk } from './walk.ts';

const selectMembers = wordSet(
  'distinctClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause valuesLists sortClause ' +
    'limitOffset limitCount limitOption withClause op all larg rarg',
);
const insertMembers = wordSet(
  'relation cols selectStmt onConflictClause returningClause withClause override',
);
const updateMembers = wordSet('relation targetList whereClause fromClause returningClause withClause');
const deleteMembers = wordSet('relation usingClause whereClause returningClause withClause');
const withMembers = wordSet('ctes recursive location');
const queryMembers = wordSet('ctename aliascolnames ctematerialized ctequery location');
const conflictMembers = wordSet('action infer targetList whereClause location');
const inferMembers = wordSet('indexElems whereClause conname location');
const elementMembers = wordSet('name expr ordering nulls_ordering collation opclass');
const returningMembers = wordSet('exprs');

type Queries = ReadonlySet<string>;
type Outer = Scope | undefined;

/**
 * The names that WITH gives, after their queries were walked: each sees those before it, and with RECURSIVE itself; in PostgreSQL then also those after it, which MySQL
 * would look for among the tables.
 */
function withQueries(walk: Walk, value: unknown, outerQueries: Queries, outer: Outer): Queries {
  if (value === undefined) return outerQueries;
  const node = structOf(value);
  only('WithClause', node, withMembers);
  const queries = listOf(node['ctes']).map((each) => {
    const [name, query] = nodeOf(each);
    only(name, query, queryMembers);
    const given = nameOf(query['ctename']);
    // MySQL may tell two spellings of it apart, and would take one of them for a table.
    walk.written.add(given);
    return { name: given, query };
  });
  const seen = new Set(outerQueries);
  const recursive = node['recursive'] === true;
  if (recursive && walk.database.dialect === 'postgresql') for (const { name } of queries) seen.add(name);
  for (const { name, query } of queries) {
    if (recursive) seen.add(name);
    // As they are now: a later name is no name of this query's.
    walk.statement(query['ctequery'], { queries: new Set(seen), outer });
    seen.add(name);
  }
  return seen;
}

/** ORDER BY takes the name that a column of the answer was given before it looks for a column of a table. */
function sortClause(walk: Walk, { sortClause: sorted, targetList }: Struct, place: Place): void {
  const given = new Set(listOf(targetList).map((each) => nodeOf(each)[1]['name']));
  const isGiven = (value: unknown): boolean => {
    const [sort, by] = nodeOf(value);
    const { node } = by;
    if (sort !== 'SortBy' || node === undefined || by['useOp'] !== undefined) return false;
    const [name, { fields }] = nodeOf(node);
    const [only, ...more] = name === 'ColumnRef' ? listOf(fields) : [];
    return only !== undefined && more.length === 0 && nodeOf(only)[0] === 'String' && given.has(textOf(only));
  };
  expression(
    walk,
    listOf(sorted).filter((each) => !isGiven(each)),
    place,
  );
}

function select(walk: Walk, node: Struct, outerQueries: Queries, outer: Outer): void {
  only('SelectStmt', node, selectMembers);
  const queries = withQueries(walk, node['withClause'], outerQueries, outer);
  for (const half of [node['larg'], node['rarg']])
    if (half !== undefined)
      deeper(walk, () => {
        select(walk, structOf(half), queries, outer);
      });
  const place: Place = { queries, scope: { items: [], outer } };
  for (const each of listOf(node['fromClause'])) addFrom(walk, each, place);
  for (const member of [
    'distinctClause',
    'targetList',
    'whereClause',
    'groupClause',
    'havingClause',
    'windowClause',
    'valuesLists',
    'limitOffset',
    'limitCount',
  ])
    expression(walk, node[member], place);
  sortClause(walk, node, place);
}

/** The table that is changed; a WITH query of its name does not hide it. */
function targetOf(walk: Walk, node: Struct): Item & { readonly table: string } {
  const target = tableOf(walk, structOf(node['relation']));
  if (target.renames) throw new NotGoverned('columns of a changed table under other names');
  return target;
}

/** `SET column = …`, the columns of an INSERT: the columns are changed, what stands on the right is read. */
function assign(walk: Walk, table: string, how: TableOperation, value: unknown, place: Place): void {
  for (const each of listOf(value)) {
    const [name, node] = nodeOf(each);
    if (name !== 'ResTarget') throw new NotGoverned(`${nodeWords(name)} in place of a column`);
    walk.uses.add(table, how, nameOf(node['name']));
    expression(walk, each, place);
  }
}

/** What is answered of changed rows is read. */
function returning(walk: Walk, value: unknown, target: Item, place: Place): void {
  if (value === undefined) return;
  const node = structOf(value);
  only('RETURNING', node, returningMembers);
  const rows = ['old', 'new'].map((alias) => ({ alias, tables: target.tables }));
  expression(walk, node['exprs'], {
    ...place,
    scope: { items: [...place.scope.items, ...rows], outer: place.scope.outer },
  });
}

function onConflict(
  walk: Walk,
  value: unknown,
  target: Item & { readonly table: string },
  place: Place,
): void {
  if (value === undefined) return;
  const node = structOf(value);
  only('ON CONFLICT', node, conflictMembers);
  const infer = node['infer'] === undefined ? {} : structOf(node['infer']);
  only('ON CONFLICT', infer, inferMembers);
  if (infer['conname'] !== undefined)
    throw new NotGoverned('ON CONFLICT ON CONSTRAINT, which reads columns that nobody can name here');
  for (const each of listOf(infer['indexElems'])) {
    const [name, element] = nodeOf(each);
    only(name, element, elementMembers);
    if (element['name'] !== undefined) walk.uses.add(target.table, 'read', nameOf(element['name']));
    expression(walk, element['expr'], place);
  }
  expression(walk, infer['whereClause'], place);
  // The row that was to be inserted: its values are in the statement.
  const proposed: Item = { alias: 'excluded', tables: [] };
  const inside: Place = { ...place, scope: { items: [...place.scope.items, proposed], outer: undefined } };
  assign(walk, target.table, 'update', node['targetList'], inside);
  expression(walk, node['whereClause'], inside);
}

function insert(walk: Walk, node: Struct, queries: Queries, outer: Outer): void {
  only('InsertStmt', node, insertMembers);
  const target = targetOf(walk, node);
  const place: Place = { queries, scope: { items: [target], outer: undefined } };
  walk.uses.add(target.table, 'insert');
  if (node['cols'] === undefined) walk.uses.add(target.table, 'insert', allColumns);
  assign(walk, target.table, 'insert', node['cols'], place);
  if (node['selectStmt'] !== undefined) walk.statement(node['selectStmt'], { queries, outer });
  onConflict(walk, node['onConflictClause'], target, place);
  returning(walk, node['returningClause'], target, place);
}

function change(
  walk: Walk,
  name: 'UpdateStmt' | 'DeleteStmt',
  node: Struct,
  queries: Queries,
  outer: Outer,
): void {
  const updates = name === 'UpdateStmt';
  only(name, node, updates ? updateMembers : deleteMembers);
  // MySQL would delete from what is called so after USING, whichever table that is.
  if (node['usingClause'] !== undefined && walk.database.dialect !== 'postgresql')
    throw new NotGoverned('DELETE with USING, which databases read differently');
  const target = targetOf(walk, node);
  walk.uses.add(target.table, updates ? 'update' : 'delete');
  const place: Place = { queries, scope: { items: [target], outer } };
  for (const each of listOf(node[updates ? 'fromClause' : 'usingClause'])) addFrom(walk, each, place);
  assign(walk, target.table, 'update', node['targetList'], place);
  expression(walk, node['whereClause'], place);
  returning(walk, node['returningClause'], target, place);
}

function statement(walk: Walk, value: unknown, outerQueries: Queries, outer: Outer): void {
  const [name, node] = nodeOf(value);
  deeper(walk, () => {
    if (name === 'SelectStmt') {
      select(walk, node, outerQueries, outer);
      return;
    }
    if (name !== 'InsertStmt' && name !== 'UpdateStmt' && name !== 'DeleteStmt')
      throw new NotGoverned(`${nodeWords(name)} is not governed: only select, insert, update and delete are`);
    const queries = withQueries(walk, node['withClause'], outerQueries, outer);
    if (name === 'InsertStmt') insert(walk, node, queries, outer);
    else change(walk, name, node, queries, outer);
  });
}

/** What the statement does. `tree` is what the parser made of exactly `text`. */
export function readStatement(tree: unknown, text: string, database: Database): QueryFact {
  try {
    const [first, ...more] = listOf(structOf(tree)['stmts']);
    if (first === undefined) return unreadable('there is no statement');
    if (more.length > 0) return unreadable('several statements: send one in each call');
    const walk: Walk = {
      uses: new Uses(),
      database,
      written: new Set(),
      depth: 0,
      statement: (node, { queries, outer }) => {
        statement(walk, node, queries, outer);
      },
    };
    statement(walk, structOf(first)['stmt'], new Set(), undefined);
    if (database.dialect === 'mysql')
      for (const name of walk.written)
        if (writtenOtherwise(text, name))
          throw new NotGoverned('a table in other letters than those of its name: write it as it is called');
    return { verdict: 'read', uses: walk.uses.list() };
  } catch (error) {
    if (error instanceof NotGoverned) return error.fact;
    throw error;
  }
}
