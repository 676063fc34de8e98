/**
 * Invariants of sessions: what they have read, for whom they work, and what control adapts for their agents. As checks.ts, from outside: from credentials as they
 * were minted, results as agents got them, documents as they reached the gateway.
 */
import type { DecisionRecord } from '@atf/core/record';
import { effectiveLevel, lowerLevel } from '@atf/core/maturity/levels';
import { isWithin, joined, worst } from '@atf/core/segmentation/flow';
import { throttleId } from '@atf/core/segmentation/volume';
import { trustedFromDefault } from '@atf/core/segmentation/retrieval';
import type { AgentDoc, InstanceDoc, PolicyDoc, ToolDoc } from '@atf/core/wire/feed';
import type { Labels } from '@atf/core/wire/labels';
import type { Level } from '@atf/core/wire/words';
import type { CredentialFacts } from '@atf/core/world';
import type { Told } from './observed.ts';
import { refundMax, refunds } from './scene.ts';

/** What is wrong: the invariant, and what was seen. */
export type Wrong = readonly [invariant: string, detail: string];

const clean: Labels = { confidentiality: 'public', integrity: 'trusted' };

const docIn = <T>({ docs }: Told, key: string): T | undefined => docs.get(key) as T | undefined;

/** The level at which a call must be decided: the lowest of the chain, as the gateway was told. */
export function levelTold(told: Told, { agentId, proof, facts }: DecisionRecord): Level | undefined {
  const own = docIn<AgentDoc>(told, `agent ${agentId}`);
  if (own === undefined) return undefined;
  return (facts.chain?.links ?? []).reduce<Level>(
    (lowest, link) => {
      const above = docIn<AgentDoc>(told, `agent ${link.agentId}`);
      return above === undefined ? lowest : lowerLevel(lowest, effectiveLevel(above, 'dpop'));
    },
    effectiveLevel(own, proof),
  );
}

/** Why a call must not be dispatched for those above; undefined: it may. */
export function brokenAbove(told: Told, { facts, server, tool }: DecisionRecord): string | undefined {
  for (const link of facts.chain?.links ?? []) {
    const name = link.agentId.slice(0, 8);
    const agent = docIn<AgentDoc>(told, `agent ${link.agentId}`);
    if (agent?.credentialEpoch !== link.credentialEpoch) return `the credentials of ${name} are void`;
    if (agent.epoch !== link.agent?.epoch) return `${name} is not what it was when this was decided`;
    if (!agent.tools.includes(`${server}/${tool}`)) return `${name} may not use the tool itself`;
    if (docIn<InstanceDoc>(told, `instance ${link.instanceId}`)?.state !== 'active')
      return `the instance of ${name} was revoked`;
    if (told.docs.has(`revoked_session ${link.sid}`)) return `the session of ${name} has ended`;
  }
  return undefined;
}

/** Whether a source that the tool answers from is trusted less than it takes, as the gateway was told. */
export const isDoubted = (told: Told, { server, tool }: DecisionRecord): boolean =>
  (docIn<ToolDoc>(told, `tool ${server}/${tool}`)?.sources ?? []).some(
    ({ trust = 0 }) => trust < trustedFromDefault,
  );

interface Throttled {
  readonly agentId: string;
  readonly throttle: NonNullable<AgentDoc['throttle']>;
}

/** The throttles that bind a call, as the gateway was told: of the agent, and of everybody for whom it works. */
export const throttlesTold = (told: Told, { agentId, facts }: DecisionRecord): Throttled[] =>
  [agentId, ...(facts.chain?.links ?? []).map((link) => link.agentId)].flatMap((id) => {
    const throttle = docIn<AgentDoc>(told, `agent ${id}`)?.throttle;
    return throttle === undefined ? [] : [{ agentId: id, throttle }];
  });

const ratesOf = (rates: readonly { readonly max: number; readonly perSeconds: number }[]): string =>
  rates
    .map(({ max, perSeconds }) => `${max} per ${perSeconds}`)
    .sort()
    .join();

export class SessionChecks {
  /** Every credential that was shown, by its id. */
  readonly #shown = new Map<string, CredentialFacts>();
  /** Tasks that no person gave. */
  readonly #declared = new Set<string>();
  /** Results of these actions come from a source that was not trusted when they were decided. */
  readonly #doubted = new Set<string>();
  /** What agents got of tools, joined: of an instance, or of a task. */
  readonly #got = new Map<string, Labels>();
  /** Calls below the session of a root. */
  readonly #below = new Map<string, number>();
  /** How much may be refunded at once, by action, as it stood when the call was decided. */
  readonly #refundMax = new Map<string, number>();
  readonly counts = { declared: 0, labelled: 0, below: 0, throttled: 0, throttledAbove: 0, widened: 0 };

  shown(credential: CredentialFacts): void {
    this.#shown.set(credential.jti, credential);
  }

  /** A host application has declared this task; every other one a person gave. */
  declared(task: string): void {
    this.#declared.add(task);
  }

  /** Whether a person has asked for what is done: for such a task, and on the word of nobody in between. */
  askedByPerson({ jti }: DecisionRecord): boolean {
    const credential = this.#shown.get(jti);
    return credential !== undefined && credential.chain === undefined && this.#onTaskOfPerson(credential);
  }

  /** Whether a person gave the task, whoever works on it. */
  #onTaskOfPerson({ task }: CredentialFacts): boolean {
    return task !== undefined && !this.#declared.has(task);
  }

  credentialOf({ jti }: DecisionRecord): CredentialFacts | undefined {
    return this.#shown.get(jti);
  }

  /** An agent gets what a tool answered. */
  got({ instanceId, task }: CredentialFacts, { actionId, facts }: DecisionRecord): void {
    const { class: kind, sensitivity, outputTrust } = facts.tool?.classification ?? {};
    const read: Labels =
      kind === undefined || sensitivity === undefined || outputTrust === undefined
        ? worst
        : {
            confidentiality: sensitivity,
            integrity: this.#doubted.has(actionId) ? 'untrusted' : outputTrust,
          };
    for (const holder of task === undefined ? [instanceId] : [instanceId, task])
      this.#got.set(holder, joined(this.#got.get(holder) ?? clean, read));
  }

  /** What counts as read in a session: of its task, or of its instance; and of everybody for whom it works without the person's task. */
  #read({ instanceId, task, chain }: CredentialFacts): Labels {
    const above = (chain?.links ?? []).map((link) => link.instanceId);
    const [, ...belowRoot] = above;
    const holders =
      task === undefined
        ? [instanceId, ...above]
        : chain === undefined
          ? [task]
          : [task, instanceId, ...belowRoot];
    return holders.reduce((labels, holder) => joined(labels, this.#got.get(holder) ?? clean), clean);
  }

  /** In the tick of a decision that allows. */
  decided(told: Told, record: DecisionRecord): Wrong | undefined {
    const { agentId, jti, facts, server, tool } = record;
    const credential = this.#shown.get(jti);
    const agent = docIn<AgentDoc>(told, `agent ${agentId}`);
    if (credential === undefined || agent === undefined) return undefined;
    const read = this.#read(credential);
    if (!isWithin(read, clean)) this.counts.labelled++;
    if (facts.flow === undefined || !isWithin(read, facts.flow))
      return [
        'what was read joins before any of it leaves',
        `it has read ${read.confidentiality}, ${read.integrity}; decided as ${facts.flow?.confidentiality}, ${facts.flow?.integrity}`,
      ];
    const declared = credential.task !== undefined && !this.#onTaskOfPerson(credential);
    if (declared) this.counts.declared++;
    if (isDoubted(told, record)) this.#doubted.add(record.actionId);
    const bothKinds = isWithin({ confidentiality: 'confidential', integrity: 'untrusted' }, read);
    const leaves = facts.tool?.classification.class === 'send' && record.approvalId === undefined;
    if (leaves && bothKinds && !this.#onTaskOfPerson(credential))
      return [
        'after what is private and what others wrote only a person lets anything leave',
        `${server}/${tool} ran${declared ? ' on a task of a host application' : ''}`,
      ];
    const links = (those: readonly { readonly sid: string }[]) => those.map(({ sid }) => sid).join();
    if (links(credential.chain?.links ?? []) !== links(facts.chain?.links ?? []))
      return ['rights never grow along a chain', 'it was decided for others than it works for'];
    const throttled = throttlesTold(told, record);
    if (throttled.length > 0) this.counts.throttled++;
    if (throttled.some((each) => each.agentId !== agentId)) this.counts.throttledAbove++;
    const [due, looked] = [
      ratesOf(throttled.map(({ throttle }) => throttle)),
      ratesOf(facts.limits.filter(({ id }) => id === throttleId)),
    ];
    if (due !== looked) return ['a throttle binds', `due: ${due || 'none'}; looked at: ${looked || 'none'}`];
    if (`${server}/${tool}` === refunds)
      this.#refundMax.set(record.actionId, this.#most(told, agent, record));
    return undefined;
  }

  /** What one refund may be: what the manifest says, or what a Principal has negotiated and still has. Of those above: what their manifests say. */
  #most(told: Told, agent: AgentDoc, record: DecisionRecord): number {
    if ((record.facts.chain?.links ?? []).length > 0) return refundMax;
    const policy = docIn<PolicyDoc>(told, 'policy *')?.epoch;
    const counting = (agent.grants ?? []).filter(
      ({ until, epochs }) =>
        Date.parse(until) > record.facts.nowMs &&
        levelTold(told, record) === 'principal' &&
        epochs.agent === agent.epoch &&
        epochs.credential === agent.credentialEpoch &&
        epochs.policy === policy,
    );
    return Math.max(refundMax, ...counting.map(({ limit }) => limit?.amountMax ?? 0));
  }

  /** A tool acts. */
  acted({ actionId, facts, server, tool }: DecisionRecord, amount: number): Wrong | undefined {
    const [root] = facts.chain?.links ?? [];
    if (root !== undefined && facts.chain !== undefined) {
      const calls = (this.#below.get(root.sid) ?? 0) + 1;
      this.#below.set(root.sid, calls);
      this.counts.below++;
      if (calls > facts.chain.callsMax)
        return ['cascade', `${calls} of ${facts.chain.callsMax} calls below one root`];
    }
    if (`${server}/${tool}` !== refunds) return undefined;
    const most = this.#refundMax.get(actionId);
    if (amount > refundMax) this.counts.widened++;
    return most !== undefined && amount > most
      ? ['boundaries hold', `${amount} EUR were refunded of ${most}`]
      : undefined;
  }
}
