/** What the checks remember of what they saw. */
import type { Touched } from '@atf/core/incident/containment';
import type { DecisionRecord } from '@atf/core/record';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Scope } from '@atf/core/wire/words';
import type { Process } from './virtual-time.ts';

/** What a gateway was told, read from what reached it. Lost with its process. */
export interface Told {
  readonly docs: Map<string, unknown>;
  readonly stops: Map<string, ContainmentDoc>;
  readonly noncesSent: Map<string, number>;
  leaseFromMs: number;
}

export interface Stop {
  readonly scope: Scope;
  fromMs: number;
  toMs: number;
}

export interface DurableIntent {
  readonly record: DecisionRecord;
  readonly gateway: string;
  readonly epoch: number;
}

export interface Running {
  readonly gateway: string;
  readonly process: Process;
  readonly server: string;
  readonly tool: string;
  /** Approval id of a released call, else its action id. */
  readonly key: string;
  readonly args: string;
  readonly signal: AbortSignal;
  readonly intent: DurableIntent;
  /** Why it must have been cut. */
  cutBy: string | undefined;
}

export interface Effect extends Pick<Running, 'gateway' | 'server' | 'tool' | 'key' | 'args' | 'intent'> {
  readonly atMs: number;
}

/** What control knows of an approval, as far as invariant 4 is concerned. */
export interface ShownApproval {
  readonly shown: string;
  approved: boolean;
}

export interface Acknowledged {
  readonly gateway: string;
  readonly epoch: number;
  readonly seq: number;
  readonly type: string;
  readonly action: string | undefined;
  /** The only disk that held it is gone; `reported`: control had been told of it, so that it must be missed. */
  lost: 'reported' | 'unreported' | undefined;
}

export const newTold = (): Told => ({
  docs: new Map(),
  stops: new Map(),
  noncesSent: new Map(),
  leaseFromMs: Number.NEGATIVE_INFINITY,
});

/** What an action touches, as far as stops are concerned. */
export function touchedBy({ agentId, sid, responsibleId, facts, server, tool }: DecisionRecord): Touched {
  const ownerIds = [responsibleId, facts.agent?.technicalOwnerId ?? ''];
  const above = (facts.chain?.links ?? []).map((link) => ({
    agentId: link.agentId,
    sid: link.sid,
    instanceId: link.instanceId,
    ownerIds: [link.agent?.ownerId ?? '', link.agent?.technicalOwnerId ?? ''],
    version: '',
    purpose: '',
  }));
  // Stops of versions and purposes are not simulated.
  return { agentId, version: '', purpose: '', ownerIds, sid, server, tool, above };
}
