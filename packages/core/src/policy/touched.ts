/**
 * Room: policy (S-2). Which questions two policy sets may answer otherwise, by the scopes of the policies in which they differ: a question that none of those is about
 * has the same answer in both. Never too few: what a scope leaves open counts as touched, conditions are not looked at. Pure.
 */
import { canonicalJson, type Json } from '../wire/json.ts';
import type { PolicyDoc } from '../wire/feed.ts';
import { actionClasses } from '../wire/words.ts';
import type { CompiledPolicy, CompiledPolicySet } from './compile.ts';

type Policy = PolicyDoc['policies'][number];

/** A set, and what it was compiled to. */
export interface TouchedSide {
  readonly policies: readonly Policy[];
  readonly compiled: CompiledPolicySet;
}

/** Tool as `server/name`. */
export type Touched = (tool: string, action: string) => boolean;

const answersMax = 10_000;
const toolType = 'ATF::Tool';
const known: ReadonlySet<string> = new Set(actionClasses);
const textOf = (policy: Policy): string => canonicalJson(policy as unknown as Json);

/** The policies of one side that are not the same, word for word, on the other. */
function changedOf({ policies, compiled }: TouchedSide, other: TouchedSide): CompiledPolicy[] {
  const texts = new Set(other.policies.map(textOf));
  const ids = new Set(policies.filter((policy) => !texts.has(textOf(policy))).map(({ id }) => id));
  return compiled.policies.filter(({ id }) => ids.has(id));
}

function isAbout({ resource, action }: CompiledPolicy, tool: string, asked: string): boolean {
  const otherTool =
    resource.op === 'equals' && resource.entity.type === toolType && resource.entity.id !== tool;
  if (otherTool) return false;
  if (action.op === 'all') return true;
  const named = action.op === 'equals' ? [action.entity] : action.entities;
  // An action that is no class may be a group of them.
  return named.some(({ id }) => id === asked || !known.has(id));
}

export function touchedBetween(before: TouchedSide, after: TouchedSide): Touched {
  const changed = [...changedOf(before, after), ...changedOf(after, before)];
  const answers = new Map<string, boolean>();
  return (tool, action) => {
    const key = `${action} ${tool}`;
    const answer = answers.get(key) ?? changed.some((policy) => isAbout(policy, tool, action));
    // Tools that records name, which come from gateways.
    if (answers.size < answersMax) answers.set(key, answer);
    return answer;
  };
}
