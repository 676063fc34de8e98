/**
 * Room: segmentation (S-1). Reading the parser's tree strictly: each node is one member, its name, and may have the members that are known here and no
 * others. What a newer parser adds is therefore refused, and not passed over.
 */
import { sqlNamePattern } from '../../wire/database.ts';
import { NotGoverned } from './refused.ts';

export type Struct = Readonly<Record<string, unknown>>;

/** Levels of the tree; a walk that goes deeper ends before the stack does. */
export const treeDepthMax = 400;

export const isStruct = (value: unknown): value is Struct =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `SelectStmt` → `select`, `A_Indices` → `a indices`: what a person is told. */
export const nodeWords = (name: string): string =>
  name
    .replace(/Stmt$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase()
    .slice(0, 60);

export function structOf(value: unknown): Struct {
  if (!isStruct(value)) throw new NotGoverned('the statement is built in a way that is not known');
  return value;
}

/** The one member of a node: its name and what it holds. */
export function nodeOf(value: unknown): readonly [name: string, node: Struct] {
  const entries = Object.entries(structOf(value));
  const [first] = entries;
  if (first === undefined || entries.length !== 1)
    throw new NotGoverned('the statement is built in a way that is not known');
  return [first[0], structOf(first[1])];
}

export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new NotGoverned('the statement is built in a way that is not known');
  return value as readonly unknown[];
}

/** Refuses a node with a member that is not among these. */
export function only(what: string, node: Struct, members: ReadonlySet<string>): void {
  for (const name of Object.keys(node))
    if (!members.has(name))
      throw new NotGoverned(`${nodeWords(what)} with ${nodeWords(name)} is not governed`);
}

/** A name as rights can list it. */
export function nameOf(value: unknown): string {
  if (typeof value !== 'string' || !sqlNamePattern.test(value))
    throw new NotGoverned('a name with characters that no list of tables and columns can hold');
  return value;
}

/** The text of a `String` node; undefined for another node. */
export function textOf(value: unknown): string | undefined {
  const [name, node] = nodeOf(value);
  if (name !== 'String') return undefined;
  return typeof node['sval'] === 'string' ? node['sval'] : '';
}
