/**
 * Containment: the one place that says whether something is stopped. It reads state; setting and lifting it
 * belongs to control. Every scope is consulted for every action.
 */
import type { ErrorCode } from '../errors.ts';
import type { ContainmentDoc } from '../wire/feed.ts';
import type { Scope } from '../wire/words.ts';

/** What an action touches, as far as stops are concerned. */
export interface Touched {
  readonly agentId: string;
  /** Agent owner and technical owner: a stop of a person stops what they answer for. */
  readonly ownerIds: readonly string[];
  readonly server: string;
  readonly tool: string;
}

const codes = {
  agent: 'containment.agent_stopped',
  owner: 'containment.owner_stopped',
  tool: 'containment.tool_stopped',
  fleet: 'containment.fleet_stopped',
} as const satisfies Record<Scope['kind'], ErrorCode>;

/** The document key of a containment: `kind:id`. */
export function containmentKey(scope: Scope): string {
  return `${scope.kind}:${scope.id}`;
}

export function containmentApplies(scope: Scope, touched: Touched): boolean {
  switch (scope.kind) {
    case 'fleet':
      return true;
    case 'agent':
      return scope.id === touched.agentId;
    case 'owner':
      return touched.ownerIds.includes(scope.id);
    case 'tool':
      return scope.id === `${touched.server}/${touched.tool}` || scope.id === `${touched.server}/*`;
  }
}

/** The first stop that applies, widest scope first, or undefined. */
export function containmentOf(
  containments: readonly ContainmentDoc[],
  touched: Touched,
): { code: ErrorCode; containment: ContainmentDoc } | undefined {
  for (const kind of ['fleet', 'owner', 'agent', 'tool'] as const) {
    const found = containments.find(({ scope }) => scope.kind === kind && containmentApplies(scope, touched));
    if (found !== undefined) return { code: codes[kind], containment: found };
  }
  return undefined;
}
