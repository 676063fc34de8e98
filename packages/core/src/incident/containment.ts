/**
 * Containment: the one place that says whether something is stopped. It reads state; setting and lifting it
 * belongs to control. Every scope is consulted for every action.
 */
import { sha256 } from '../digest.ts';
import type { ErrorCode } from '../errors.ts';
import type { AgentDoc, ContainmentDoc } from '../wire/feed.ts';
import { digestSchema, type Scope } from '../wire/words.ts';
import { versionScopeId } from './scope-id.ts';

/** What a stop may know an agent by. */
export type StoppableAgent = Pick<AgentDoc, 'id' | 'version' | 'purpose' | 'ownerId' | 'technicalOwnerId'>;

/** An agent for which another one works: a stop of it stops that one, too. */
export interface TouchedAbove {
  readonly agentId: string;
  readonly version: string;
  readonly purpose: string;
  readonly ownerIds: readonly string[];
  readonly sid: string;
  readonly instanceId: string;
}

/** What an action touches, as far as stops are concerned. */
export interface Touched {
  readonly agentId: string;
  readonly version: string;
  readonly purpose: string;
  /** Agent owner and technical owner: a stop of a person stops what they answer for. */
  readonly ownerIds: readonly string[];
  readonly sid: string;
  readonly server: string;
  readonly tool: string;
  /** The chain of a delegation; absent: it works for no other agent. */
  readonly above?: readonly TouchedAbove[];
}

/** What one call of an agent touches; without a call, the agent as a whole, which no stop of a tool or of a session concerns. */
export function touchedBy(
  agent: StoppableAgent,
  {
    sid = '',
    server = '',
    tool = '',
    above,
  }: Partial<Pick<Touched, 'sid' | 'server' | 'tool' | 'above'>> = {},
): Touched {
  return { ...stoppableAs(agent), sid, server, tool, ...(above === undefined ? {} : { above }) };
}

/** An agent above, in the session from which it delegated. */
export function touchedAbove(
  agent: StoppableAgent,
  { sid, instanceId }: Pick<TouchedAbove, 'sid' | 'instanceId'>,
): TouchedAbove {
  return { ...stoppableAs(agent), sid, instanceId };
}

function stoppableAs({ id: agentId, version, purpose, ownerId, technicalOwnerId }: StoppableAgent) {
  return { agentId, version, purpose, ownerIds: [ownerId, technicalOwnerId] };
}

const codes = {
  fleet: 'containment.fleet_stopped',
  purpose: 'containment.purpose_stopped',
  owner: 'containment.owner_stopped',
  agent: 'containment.agent_stopped',
  version: 'containment.version_stopped',
  session: 'containment.session_stopped',
  tool: 'containment.tool_stopped',
} as const satisfies Record<Scope['kind'], ErrorCode>;
/** Widest first. */
const kinds = Object.keys(codes) as Scope['kind'][];

/** The id of a purpose. Case and spacing do not make it another one. */
export function purposeDigest(purpose: string): string {
  return sha256(purpose.normalize('NFC').trim().replace(/\s+/gu, ' ').toLowerCase());
}

/** The id of a purpose as a person says it: in its words, or already as its digest. */
export function purposeScopeId(said: string): string {
  return digestSchema.safeParse(said).success ? said : purposeDigest(said);
}

/** Whether a stop of this kind stops agents: all of what they do, and their credentials with it. */
export function stopsAgents({ kind }: Pick<Scope, 'kind'>): boolean {
  return kind !== 'tool' && kind !== 'session';
}

export function containmentApplies(scope: Scope, touched: Touched): boolean {
  const { server, tool, above = [] } = touched;
  if (scope.kind === 'tool') return scope.id === `${server}/${tool}` || scope.id === `${server}/*`;
  return stops(scope, touched) || above.some((each) => stops(scope, each));
}

function stops(scope: Scope, touched: Omit<TouchedAbove, 'instanceId'>): boolean {
  switch (scope.kind) {
    case 'fleet':
      return true;
    case 'agent':
      return scope.id === touched.agentId;
    case 'version':
      return scope.id === versionScopeId(touched.agentId, touched.version);
    case 'session':
      return scope.id === touched.sid;
    case 'purpose':
      return scope.id === purposeDigest(touched.purpose);
    case 'owner':
      return touched.ownerIds.includes(scope.id);
    case 'tool':
      return false;
  }
}

/** The first stop that applies, widest scope first, or undefined. */
export function containmentOf(
  containments: readonly ContainmentDoc[],
  touched: Touched,
): { code: ErrorCode; containment: ContainmentDoc } | undefined {
  if (containments.length === 0) return undefined;
  for (const kind of kinds) {
    const found = containments.find(({ scope }) => scope.kind === kind && containmentApplies(scope, touched));
    if (found !== undefined) return { code: codes[kind], containment: found };
  }
  return undefined;
}
