/**
 * Room: segmentation (S-1, S-2). What rights are to somebody who combines them: where private data comes in, where text that anybody may have written comes
 * in, where data goes out, and where harm is done. Read from classifications alone; what a tool is not classified as is not seen here.
 */
import { ofAnyResource } from '../resource-classes.ts';
import { asAllRetrieved } from '../retrieval.ts';
import { raisedBy, type TableRight } from '../sql/rights.ts';
import { ofAnyTable, ofTables } from '../sql/table-classes.ts';
import type { QueryFact } from '../../wire/database.ts';
import type { ToolDoc } from '../../wire/feed.ts';
import type { RightTable } from '../../wire/policy-analysis.ts';
import type { ActionClass, Sensitivity } from '../../wire/words.ts';
import { rightName } from './right-name.ts';

/**
 * What a right takes to be used, the least free first: `never` · `person`: a person approves the exact call · `task`: a person gave the session a task that asks
 * for it · `alone`: nothing. Order is meaning.
 */
export const freedoms = ['never', 'person', 'task', 'alone'] as const;
export type Freedom = (typeof freedoms)[number];

const rank = (freedom: Freedom): number => freedoms.indexOf(freedom);
/** Whether a right is at least as free as that. */
export const isAtLeast = (freedom: Freedom, least: Freedom): boolean => rank(freedom) >= rank(least);
export const lessFree = (a: Freedom, b: Freedom): Freedom => (rank(a) <= rank(b) ? a : b);
export const moreFree = (a: Freedom, b: Freedom): Freedom => (rank(a) >= rank(b) ? a : b);

export interface ComposedTool {
  /** `server/tool`; of one table behind it `server/tool (read public.orders)`. */
  readonly ref: string;
  /** The one operation on one table for which this stands. */
  readonly table?: RightTable & { readonly tool: string };
  readonly server: string;
  /** Unclassified counts as `admin`. */
  readonly class: ActionClass;
  readonly classified: boolean;
  readonly sensitivity: Sensitivity;
  readonly outputTrust: 'trusted' | 'untrusted';
  readonly domain: string;
  /** It moves an amount. */
  readonly amount: boolean;
}

function composed(tool: ToolDoc): ComposedTool {
  const { server, name, classification } = asAllRetrieved(tool);
  const { class: action, sensitivity, outputTrust, domain } = classification;
  return {
    ref: `${server}/${name}`,
    server,
    class: action ?? 'admin',
    classified: action !== undefined,
    sensitivity,
    outputTrust,
    domain,
    amount: classification.arguments.amount !== undefined,
  };
}

export const composedTool = (tool: ToolDoc): ComposedTool => composed(ofAnyTable(ofAnyResource(tool)));

/** One operation on one table: as that table is classified, and of the class of what is done. */
export function composedTable(
  tool: ToolDoc,
  { table: name, operation, statements }: TableRight,
): ComposedTool {
  const [statement] = statements;
  const used = composed(raisedBy(ofTables(tool, statement), statement));
  const table = { name, operation };
  return { ...used, ref: rightName({ tool: used.ref, table }), table: { ...table, tool: used.ref } };
}

/** What a statement does that touches no table. */
export const composedWithoutTables = (tool: ToolDoc): ComposedTool => composed(ofTables(tool, noTables));

export const noTables: QueryFact = { verdict: 'read', uses: [] };

/** What an agent may do with one tool, or with one table behind it. */
export interface Right {
  readonly tool: ComposedTool;
  readonly freedom: Freedom;
  /** The same when the values that say where, to what and how much come from an untrusted text. */
  readonly untrusted: Freedom;
  /** Policies that determine it. */
  readonly policies: readonly string[];
}

/** Whom an agent may give work: any agent, or those, by name. */
export type Starts = 'any' | readonly string[];

/** Agents with equal rights, by name; rights by tool. Who may start one of them may start all. */
export interface AgentGroup {
  readonly agents: readonly string[];
  readonly rights: readonly Right[];
  /** Absent: nobody. */
  readonly starts?: Starts;
}

/** It brings something into the session: it reads, it runs something and shows what came of it, or nobody has said what it does. */
export const gives = (tool: ComposedTool): boolean =>
  !tool.classified ||
  tool.class === 'read' ||
  tool.class === 'execute' ||
  // Of a tool whose own class is more than that.
  tool.table?.operation === 'read';
export const givesPrivate = (tool: ComposedTool): boolean =>
  gives(tool) && (tool.sensitivity === 'confidential' || tool.sensitivity === 'restricted');
export const givesUntrusted = (tool: ComposedTool): boolean =>
  gives(tool) && tool.outputTrust === 'untrusted';
/** What goes into it may leave: it sends, or it runs anything, or nobody has said what it does. */
export const isOutward = (tool: ComposedTool): boolean =>
  !tool.classified || tool.class === 'send' || tool.class === 'execute';
export const isDangerous = (tool: ComposedTool): boolean =>
  isOutward(tool) || tool.class === 'admin' || (tool.class !== 'read' && tool.amount);
/** What goes into it may be kept by its server, where others read it. */
export const keeps = (tool: ComposedTool): boolean => tool.class !== 'read';

/**
 * The store that a tool keeps in and reads from: one domain of one server. What runs anything, and what nobody has classified, may touch every store of its
 * server (`domains`).
 */
export const storesOf = (tool: ComposedTool, domains: readonly string[]): readonly string[] =>
  (tool.classified && tool.class !== 'execute' ? [tool.domain] : domains).map(
    (domain) => `${tool.server} (${domain})`,
  );

const runs = {
  read: 'reads',
  write: 'changes',
  send: 'sends',
  execute: 'runs',
  admin: 'administers',
} as const;

/** What a tool is to the combination, in a few words: `sends`, `can do anything: nobody has classified it`. */
export function doesWords(tool: ComposedTool): string {
  if (!tool.classified) return 'may do anything: nobody has classified it';
  if (tool.class === 'execute') return 'runs anything, so it also sends';
  return tool.amount && tool.class !== 'read' ? `${runs[tool.class]} an amount` : runs[tool.class];
}
