/** Room: segmentation (S-1). FROM lists and the targets of changes: which tables a statement touches, and by which names it calls them. */
import { allColumns } from '../../wire/database.ts';
import { wordSet } from '../classify.ts';
import { expression } from './expression.ts';
import { NotGoverned } from './refused.ts';
import { listOf, nameOf, nodeOf, nodeWords, only, type Struct, structOf, textOf } from './tree.ts';
import { type Item, readBare, type Scope } from './uses.ts';
import { deeper, type Place, type Walk } from './walk.ts';

const tableMembers = wordSet('schemaname relname inh relpersistence alias location catalogname');
const aliasMembers = wordSet('aliasname colnames');
const joinMembers = wordSet('jointype isNatural larg rarg usingClause join_using_alias quals alias rtindex');
const subqueryMembers = wordSet('lateral subquery alias');
const functionMembers = wordSet('lateral ordinality is_rowsfrom functions alias');

interface Alias {
  readonly name: string | undefined;
  /** Columns get other names, by their place. */
  readonly renames: boolean;
}

function aliasOf(value: unknown): Alias {
  if (value === undefined) return { name: undefined, renames: false };
  const node = structOf(value);
  only('Alias', node, aliasMembers);
  return { name: nameOf(node['aliasname']), renames: node['colnames'] !== undefined };
}

/** The full name of the table that a RangeVar is; what it is called in the statement. Whether it means a WITH query is the caller's question. */
export function tableOf(
  { database, written }: Walk,
  node: Struct,
): Item & { readonly table: string; readonly renames: boolean } {
  only('RangeVar', node, tableMembers);
  if (node['catalogname'] !== undefined)
    throw new NotGoverned('a table with the name of a database before it');
  const name = nameOf(node['relname']);
  const schema = node['schemaname'] === undefined ? database.schema : nameOf(node['schemaname']);
  const table = schema === undefined ? name : `${schema}.${name}`;
  written.add(name);
  if (node['schemaname'] !== undefined && schema !== undefined) written.add(schema);
  const { name: alias, renames } = aliasOf(node['alias']);
  return alias === undefined
    ? { alias: name, fullName: table, tables: [table], table, renames }
    : { alias, tables: [table], table, renames };
}

function addTable(walk: Walk, node: Struct, scope: Scope, queries: ReadonlySet<string>): readonly Item[] {
  if (node['schemaname'] === undefined && queries.has(String(node['relname']))) {
    only('RangeVar', node, tableMembers);
    const item = { alias: aliasOf(node['alias']).name ?? nameOf(node['relname']), tables: [] };
    scope.items.push(item);
    return [item];
  }
  const item = tableOf(walk, node);
  walk.uses.add(item.table, 'read', ...(item.renames ? [allColumns] : []));
  scope.items.push(item);
  return [item];
}

function addJoin(walk: Walk, node: Struct, place: Place): readonly Item[] {
  only('JoinExpr', node, joinMembers);
  const { scope } = place;
  const items = [...addFrom(walk, node['larg'], place), ...addFrom(walk, node['rarg'], place)];
  const tables = items.flatMap((item) => item.tables);
  // It compares every column that both have.
  if (node['isNatural'] === true) for (const item of items) walk.uses.addRead(item, allColumns);
  const inner: Scope = { items: [...items], outer: undefined };
  for (const each of listOf(node['usingClause'])) readBare(walk.uses, inner, nameOf(textOf(each)));
  expression(walk, node['quals'], place);
  const { name, renames } = aliasOf(node['alias']);
  const using = aliasOf(node['join_using_alias']).name;
  if (renames) for (const table of tables) walk.uses.add(table, 'read', allColumns);
  for (const alias of [name, using]) if (alias !== undefined) scope.items.push({ alias, tables });
  return items;
}

/** What a function in place of a table may be asked for: the names that the statement gives its columns. */
function namedColumns(alias: string, node: Struct): ReadonlySet<string> {
  const named = listOf(structOf(node['alias'])['colnames']).map((each) => nameOf(textOf(each)));
  return new Set([
    ...(named.length > 0 ? named : [alias]),
    ...(node['ordinality'] === true ? ['ordinality'] : []),
  ]);
}

/** Puts one entry of a FROM list into the scope, with all that stands inside it; what it put there. */
export function addFrom(walk: Walk, value: unknown, place: Place): readonly Item[] {
  const [name, node] = nodeOf(value);
  const { scope, queries } = place;
  let items: readonly Item[] = [];
  deeper(walk, () => {
    switch (name) {
      case 'RangeVar':
        items = addTable(walk, node, scope, queries);
        return;
      case 'JoinExpr':
        items = addJoin(walk, node, place);
        return;
      case 'RangeSubselect': {
        only(name, node, subqueryMembers);
        walk.statement(node['subquery'], { queries, outer: node['lateral'] === true ? scope : scope.outer });
        break;
      }
      case 'RangeFunction':
        only(name, node, functionMembers);
        if (walk.database.dialect !== 'postgresql') throw new NotGoverned('a function in place of a table');
        // [function, columns that it is said to have]
        for (const each of listOf(node['functions']))
          expression(walk, listOf(nodeOf(each)[1]['items']).slice(0, 1), place);
        break;
      default:
        throw new NotGoverned(`${nodeWords(name)} in place of a table is not governed`);
    }
    const { name: alias } = aliasOf(node['alias']);
    if (alias === undefined) {
      // Its name is then the function's, and what stands after that a function of its value.
      if (name === 'RangeFunction')
        throw new NotGoverned('a function in place of a table without a name: write AS');
      return;
    }
    const columns = name === 'RangeFunction' ? { columns: namedColumns(alias, node) } : {};
    const item = { alias, tables: [], ...columns };
    scope.items.push(item);
    items = [item];
  });
  return items;
}
