/**
 * Room: segmentation (S-1). Expressions of a statement: which columns they read, which queries stand inside them, which functions and types they name. Only
 * nodes that stand in this table are governed.
 */
import { allColumns } from '../../wire/database.ts';
import { wordSet } from '../classify.ts';
import { isUsualFunction, isUsualType } from './functions.ts';
import { NotGoverned } from './refused.ts';
import { isStruct, listOf, nameOf, nodeOf, nodeWords, only, type Struct, structOf, textOf } from './tree.ts';
import { readAll, readBare, readFullyQualified, readQualified } from './uses.ts';
import { deeper, type Place, type Walk } from './walk.ts';

/** Node → members below which expressions stand, and members that say nothing about tables. */
const plain: Readonly<Record<string, readonly [below: ReadonlySet<string>, silent: ReadonlySet<string>]>> = {
  A_Const: [wordSet(''), wordSet('ival fval boolval sval bsval isnull location')],
  ParamRef: [wordSet(''), wordSet('number location')],
  SetToDefault: [wordSet(''), wordSet('location')],
  String: [wordSet(''), wordSet('sval')],
  BoolExpr: [wordSet('args'), wordSet('boolop location')],
  CollateClause: [wordSet('arg'), wordSet('collname location')],
  A_ArrayExpr: [wordSet('elements'), wordSet('location list_start list_end')],
  A_Indices: [wordSet('lidx uidx'), wordSet('is_slice')],
  MultiAssignRef: [wordSet('source'), wordSet('colno ncolumns')],
  CaseExpr: [wordSet('arg args defresult'), wordSet('location')],
  CaseWhen: [wordSet('expr result'), wordSet('location')],
  RowExpr: [wordSet('args'), wordSet('row_format location')],
  CoalesceExpr: [wordSet('args'), wordSet('location')],
  MinMaxExpr: [wordSet('args'), wordSet('op location')],
  NullTest: [wordSet('arg'), wordSet('nulltesttype argisrow location')],
  BooleanTest: [wordSet('arg'), wordSet('booltesttype location')],
  GroupingFunc: [wordSet('args'), wordSet('location')],
  GroupingSet: [wordSet('content'), wordSet('kind location')],
  SortBy: [wordSet('node'), wordSet('sortby_dir sortby_nulls location')],
  List: [wordSet('items'), wordSet('')],
  NamedArgExpr: [wordSet('arg'), wordSet('name argnumber location')],
  ResTarget: [wordSet('indirection val'), wordSet('name location')],
  WindowDef: [
    wordSet('partitionClause orderClause startOffset endOffset'),
    wordSet('name refname frameOptions location'),
  ],
  A_Expr: [wordSet('lexpr rexpr'), wordSet('kind name location rexpr_list_start rexpr_list_end')],
};

const valueMembers = wordSet('op typmod location');
const castMembers = wordSet('arg typeName location');
const typeMembers = wordSet('names typemod typmods arrayBounds location');
const subMembers = wordSet('subLinkType testexpr operName subselect location');
const callMembers = wordSet(
  'funcname args agg_order agg_filter over agg_within_group agg_star agg_distinct func_variadic funcformat location',
);
const columnMembers = wordSet('fields location');
const indirectionMembers = wordSet('arg indirection');
/** Of dialects other than PostgreSQL: what is a value in all of them, and not a column's name in one. */
const sharedValues = /^SVFOP_CURRENT_(?:DATE|TIME|TIMESTAMP)$/;

/** Walks one expression, a list of them, or nothing. */
export function expression(walk: Walk, value: unknown, place: Place): void {
  if (value === undefined) return;
  if (Array.isArray(value)) {
    for (const each of value as readonly unknown[]) expression(walk, each, place);
    return;
  }
  // `DISTINCT` without more is a list with an empty node.
  if (isStruct(value) && Object.keys(value).length === 0) return;
  const [name, node] = nodeOf(value);
  deeper(walk, () => {
    expressionNode(walk, name, node, place);
  });
}

function expressionNode(walk: Walk, name: string, node: Struct, place: Place): void {
  switch (name) {
    case 'ColumnRef':
      return column(walk, node, place);
    case 'FuncCall':
      return call(walk, node, place);
    case 'TypeCast':
      only(name, node, castMembers);
      type(walk, structOf(node['typeName']), place);
      return expression(walk, node['arg'], place);
    case 'SubLink':
      only(name, node, subMembers);
      operator(node['operName']);
      expression(walk, node['testexpr'], place);
      return walk.statement(node['subselect'], { queries: place.queries, outer: place.scope });
    case 'SQLValueFunction':
      only(name, node, valueMembers);
      if (walk.database.dialect !== 'postgresql' && !sharedValues.test(String(node['op'])))
        throw new NotGoverned('a word that is a value in one database and a column in another');
      return;
    case 'A_Indirection':
      only(name, node, indirectionMembers);
      expression(walk, node['arg'], place);
      for (const each of listOf(node['indirection'])) {
        const [part] = nodeOf(each);
        // PostgreSQL reads `(value).name` as `name(value)`: it would call any function of one argument.
        if (part === 'String')
          throw new NotGoverned('a name after a value in parentheses: write table.column');
        // `(t.row).*` is of one value, whose column was counted.
        if (part !== 'A_Star') expression(walk, each, place);
      }
      return;
    case 'A_Expr':
      operator(node['name']);
  }
  plainNode(walk, name, node, place);
}

function plainNode(walk: Walk, name: string, node: Struct, place: Place): void {
  const known = Object.hasOwn(plain, name) ? plain[name] : undefined;
  if (known === undefined) throw new NotGoverned(`${nodeWords(name)} is not governed`);
  const [below, silent] = known;
  for (const [member, value] of Object.entries(node)) {
    if (below.has(member)) expression(walk, value, place);
    else if (!silent.has(member))
      throw new NotGoverned(`${nodeWords(name)} with ${nodeWords(member)} is not governed`);
  }
}

/** An operator of a schema is a function that somebody put there. */
function operator(name: unknown): void {
  if (listOf(name).length > 1) throw new NotGoverned('an operator of a schema is not governed');
}

function column({ uses, database }: Walk, node: Struct, { scope }: Place): void {
  only('ColumnRef', node, columnMembers);
  const fields = listOf(node['fields']);
  const star = fields.length > 0 && nodeOf(fields.at(-1))[0] === 'A_Star';
  const names = (star ? fields.slice(0, -1) : fields).map((field) => nameOf(textOf(field)));
  const [first = '', second = '', third = ''] = names;
  const inSchema = (schema: string, table: string) =>
    schema === database.schema ? [table, `${schema}.${table}`] : [`${schema}.${table}`];
  if (star && names.length <= 1) readAll(uses, scope, names[0]);
  else if (star && names.length === 2) readFullyQualified(uses, scope, inSchema(first, second), allColumns);
  else if (star || names.length > 3 || names.length === 0)
    throw new NotGoverned('a column with the name of a database before it');
  else if (names.length === 1) readBare(uses, scope, first);
  else if (names.length === 2) readQualified(uses, scope, first, second);
  else readFullyQualified(uses, scope, inSchema(first, second), third);
}

function call(walk: Walk, node: Struct, place: Place): void {
  only('FuncCall', node, callMembers);
  known(walk, node['funcname'], 'function', isUsualFunction);
  expression(walk, node['args'], place);
  expression(walk, node['agg_order'], place);
  expression(walk, node['agg_filter'], place);
  if (node['over'] !== undefined) plainNode(walk, 'WindowDef', structOf(node['over']), place);
}

function type(walk: Walk, node: Struct, place: Place): void {
  only('TypeName', node, typeMembers);
  known(walk, node['names'], 'type', isUsualType);
  expression(walk, node['typmods'], place);
}

/** Functions and types are called by their bare name, or by the parser in the schema of the database's own. */
function known(
  { database }: Walk,
  value: unknown,
  what: string,
  usual: (name: string, dialect: Walk['database']['dialect']) => boolean,
): void {
  const names = listOf(value).map((each) => nameOf(textOf(each)));
  const name = names.at(-1) ?? '';
  const own = names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog');
  if (own && (usual(name, database.dialect) || database.functions?.includes(name) === true)) return;
  throw new NotGoverned(`the ${what} ${names.join('.')} is not on the list of those that only compute`);
}
