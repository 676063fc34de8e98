/**
 * Room: incident. What cuts calls under way, in the tick in which the gateway hears of it: a containment, a revoked
 * credential, session or instance, a lease that ran out. A graceful stop lets what was sent end; control follows it with a forced one. A call that is cut has its exchange closed where it has one
 * of its own (HTTP, in either revision of MCP). A tool server over stdio has none, and may ignore a cancellation: a forced stop kills its process when the call may change
 * something; others who share that process see its calls as unknown.
 */
import { refusal } from '@atf/core/errors';
import { containmentApplies, type TouchedAbove } from '@atf/core/incident/containment';
import type { AgentDoc, ContainmentDoc, FeedTopic, InstanceDoc } from '@atf/core/wire/feed';
import type { CallsUnderWay, CallUnderWay } from './calls.ts';
import type { UpstreamPort } from './ports.ts';

export class Stopper {
  readonly #calls: CallsUnderWay;
  readonly #upstream: Pick<UpstreamPort, 'kill'>;

  constructor(calls: CallsUnderWay, upstream: Pick<UpstreamPort, 'kill'>) {
    this.#calls = calls;
    this.#upstream = upstream;
  }

  /**
   * Cuts what a containment stops; says how many calls that were sent it cut, or, of a graceful one, how many it lets end. Those that were not sent
   * meet the containment in their last look.
   */
  contain(doc: ContainmentDoc): { readonly aborted: number; readonly running: number } {
    if (doc.drainUntil !== undefined) return { aborted: 0, running: this.running(doc) };
    const why = refusal('containment.call_aborted', `${doc.state} since ${doc.since}`);
    const cut = this.#calls.cut((call) => containmentApplies(doc.scope, call), why);
    if (doc.state === 'killed') this.#force(cut);
    return { aborted: cut.length, running: 0 };
  }

  /** How many calls that were sent a graceful stop still lets run. */
  running(doc: ContainmentDoc): number {
    return this.#calls.running((call) => containmentApplies(doc.scope, call));
  }

  /** Control was not heard within the lease: it may have killed anybody. What was not sent meets that in its last look, or is heard again by then. */
  leaseLost(): number {
    const cut = this.#calls.cut(({ dispatched }) => dispatched, refusal('containment.feed_stale'));
    this.#force(cut);
    return cut.length;
  }

  /** A document that voids credentials cuts what runs under them. */
  observe(topic: FeedTopic, key: string, body: unknown, before: unknown): void {
    if (topic === 'containment' && body !== null) this.contain(body as ContainmentDoc);
    if (topic === 'revoked_session' && body !== null)
      this.#revoke((link) => link.sid === key, 'identity.session_revoked');
    if (topic === 'instance' && (body === null || (body as InstanceDoc).state === 'revoked')) {
      this.#revoke((link) => link.instanceId === key, 'identity.instance_unknown');
    }
    if (topic !== 'agent' || before === undefined) return;
    const epochs = [(before as AgentDoc).credentialEpoch, (body as AgentDoc | null)?.credentialEpoch];
    if (epochs[0] !== epochs[1]) this.#revoke((link) => link.agentId === key, 'identity.credential_revoked');
  }

  /** Cuts one call that its own caller gives up. */
  cancel(call: CallUnderWay): void {
    this.#calls.cut(
      (each) => each.actionId === call.actionId,
      refusal('upstream.aborted', 'The caller cancelled it.'),
    );
  }

  /** The credential that it runs under has ended. */
  expire(actionId: string): void {
    this.#calls.cut((call) => call.actionId === actionId, refusal('identity.credential_expired'));
  }

  /** The gateway ends and its time to drain is over. */
  shutDown(): number {
    return this.#calls.cut(() => true, refusal('upstream.aborted', 'The gateway shut down.')).length;
  }

  /** What runs under it, and what agents do that work for it. */
  #revoke(
    fits: (link: Pick<TouchedAbove, 'agentId' | 'sid' | 'instanceId'>) => boolean,
    code: 'identity.session_revoked' | 'identity.instance_unknown' | 'identity.credential_revoked',
  ): void {
    const own = this.#calls.cut(fits, refusal(code));
    const below = this.#calls.cut(
      ({ above = [] }) => above.some(fits),
      refusal('identity.delegation_over', refusal(code).code),
    );
    this.#force([...own, ...below]);
  }

  #force(cut: readonly CallUnderWay[]): void {
    for (const { server, instanceId, actionClass } of cut)
      if (actionClass !== 'read') this.#upstream.kill(server, instanceId);
  }
}
