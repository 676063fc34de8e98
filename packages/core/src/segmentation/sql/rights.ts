/**
 * Room: segmentation (S-1, S-2). May this agent do to these tables what the statement does? What the manifest does not list is refused. And what the statement
 * says of the call: its class, what policies may ask about it, and what a person reads of it.
 */
import { type ErrorCode, type Refusal, refusal } from '../../errors.ts';
import {
  allColumns,
  columnsOf,
  type DatabaseRights,
  type QueryFact,
  type TableOperation,
  tableOperations,
  type TableRights,
  type TableUse,
} from '../../wire/database.ts';
import type { AgentDoc, ToolDoc } from '../../wire/feed.ts';
import { type ActionClass, actionClasses } from '../../wire/words.ts';
import { noQuery, type PolicyContext } from '../../world.ts';
import { fullName } from './table-classes.ts';

/** Tables that one sentence names. */
const namedMax = 8;

const classOfOperation: Readonly<Record<TableOperation, ActionClass>> = {
  read: 'read',
  insert: 'write',
  update: 'write',
  // As for every tool that deletes: there is no undoing it.
  delete: 'admin',
};

const rightsFor = (agent: AgentDoc, tool: ToolDoc): DatabaseRights | undefined =>
  agent.databases?.find((each) => each.tool === `${tool.server}/${tool.name}`);

/** Whether calls of this tool by this agent are looked at as SQL: the tool is classified so, or the manifest takes it for such a tool. */
export const isQuery = (agent: AgentDoc, tool: ToolDoc): boolean =>
  tool.classification.arguments.sql !== undefined || rightsFor(agent, tool) !== undefined;

/**
 * The tool as this statement uses it: of the class of what it does, where that is more than the class of the tool. What a person said of a tool for reading
 * (that it can be undone, repeated, used alone) was not said of a change.
 */
export function raisedBy<T extends ToolDoc>(tool: T, fact: QueryFact | undefined): T {
  const { class: given } = tool.classification;
  if (fact?.verdict !== 'read' || given === undefined) return tool;
  const found = fact.uses.reduce(
    (most, { operation }) => Math.max(most, actionClasses.indexOf(classOfOperation[operation])),
    0,
  );
  const raised = actionClasses[found];
  if (raised === undefined || found <= actionClasses.indexOf(given)) return tool;
  const classification = {
    ...tool.classification,
    class: raised,
    reversible: false,
    idempotent: false,
    writeSafe: false,
  };
  return { ...tool, classification };
}

/** What of one use the list does not give, in words; undefined: nothing. A table that is listed twice, with and without its schema, has what both give alike. */
function beyond(given: readonly TableRights[], { table, operation, columns }: TableUse): string | undefined {
  if (given.length === 0) return `${operation} ${table}`;
  for (const rights of given) {
    const may = columnsOf(rights, operation);
    if (may === undefined) return `${operation} ${table}`;
    if (may === 'all') continue;
    const over = columns.filter((column) => !may.includes(column));
    if (over.includes(allColumns)) return `${operation} all columns of ${table}: name the columns`;
    if (over.length > 0) return `${operation} ${table} (${over.slice(0, namedMax).join(', ')})`;
  }
  return undefined;
}

const no = (code: ErrorCode, detail: string): Refusal => refusal(code, detail);

/** The refusal, or undefined when every use is on the list. */
export function checkQuery(agent: AgentDoc, tool: ToolDoc, fact: QueryFact | undefined): Refusal | undefined {
  if (tool.classification.arguments.sql === undefined)
    return no(
      'segmentation.query_unreadable',
      'The manifest lists tables for this tool, but nobody has said which argument of it is SQL.',
    );
  const { database } = tool.classification;
  if (database === undefined)
    return no('segmentation.query_unreadable', 'Nobody has said which database reads the SQL of this tool.');
  if (fact === undefined) return no('segmentation.query_unreadable', 'The statement was not read.');
  if (fact.verdict === 'any') return undefined;
  if (fact.verdict === 'refused') return no(fact.code, fact.problem);
  const listed = Object.entries(rightsFor(agent, tool)?.tables ?? {});
  const over = fact.uses
    .map((use) =>
      beyond(
        listed.flatMap(([name, rights]) => (fullName(database.schema, name) === use.table ? [rights] : [])),
        use,
      ),
    )
    .filter((words) => words !== undefined);
  return over.length === 0
    ? undefined
    : no('segmentation.table_not_granted', over.slice(0, namedMax).join('; '));
}

/** One operation on one table that a manifest lists, and the smallest and the largest statement that do it: what policies say depends on what is named. */
export interface TableRight {
  readonly table: string;
  readonly operation: TableOperation;
  readonly statements: readonly QueryFact[];
}

/** What the manifest lists for this tool; undefined: its statements cannot be read, so that it gives no table. */
export function tableRightsOf(
  agent: AgentDoc,
  { server, name, classification }: ToolDoc,
): TableRight[] | undefined {
  const { database } = classification;
  if (classification.arguments.sql === undefined || database === undefined) return undefined;
  const listed = agent.databases?.find(({ tool }) => tool === `${server}/${name}`)?.tables ?? {};
  return Object.entries(listed).flatMap(([as, rights]) =>
    tableOperations.flatMap((operation): TableRight[] => {
      const columns = columnsOf(rights, operation);
      if (columns === undefined) return [];
      const table = fullName(database.schema, as);
      const statement = (named: readonly string[]): QueryFact => ({
        verdict: 'read',
        uses: [{ table, operation, columns: [...named] }],
      });
      return [
        {
          table,
          operation,
          statements: [statement([]), statement(columns === 'all' ? [allColumns] : columns)],
        },
      ];
    }),
  );
}

/** What policies may ask: tables by their full and by their bare name, columns as `table.column`, each under both. */
export function queryContext(fact: QueryFact | undefined): Pick<PolicyContext, keyof typeof noQuery> {
  if (fact?.verdict !== 'read') return noQuery;
  const namesOf = (table: string) => [...new Set([table, table.slice(table.lastIndexOf('.') + 1)])];
  return {
    tables: [...new Set(fact.uses.flatMap(({ table }) => namesOf(table)))],
    columns: [
      ...new Set(
        fact.uses.flatMap(({ table, columns }) =>
          namesOf(table).flatMap((name) => columns.map((column) => `${name}.${column}`)),
        ),
      ),
    ],
    operations: [...new Set(fact.uses.map(({ operation }) => operation))],
  };
}

/** `read orders (id, total); update tickets (status)`. */
export function queryWords(uses: readonly TableUse[]): string {
  const said = uses.slice(0, namedMax).map(({ table, operation, columns }) => {
    const named = columns.slice(0, namedMax).join(', ') + (columns.length > namedMax ? ', …' : '');
    const which = columns.includes(allColumns) ? ' (all columns)' : columns.length === 0 ? '' : ` (${named})`;
    return `${operation} ${table}${which}`;
  });
  if (said.length === 0) return 'touches no table';
  return `${said.join('; ')}${uses.length > namedMax ? `; and ${uses.length - namedMax} more` : ''}`;
}
