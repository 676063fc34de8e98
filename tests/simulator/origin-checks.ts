/**
 * Invariants of provenance: where the values of a call come from, and what a task asks for. From outside, as checks.ts: from what agents were given, by which gateway
 * process, and from what tools were called with. They say which calls must have gone to a person, never which must not.
 */
import type { DecisionRecord } from '@atf/core/record';
import type { CredentialFacts } from '@atf/core/world';
import { type Heard, heardIn, taskDesk } from './scene.ts';
import type { Wrong } from './session-checks.ts';

/** The tool that no task asks for. */
const unasked = 'wiki/edit_page';

/** When a value was first given, by whom it was said; in the order of all that was given. */
interface Given {
  trusted?: number;
  untrusted?: number;
}

interface Decided {
  readonly at: number;
  readonly credential: CredentialFacts;
  readonly memory: ReadonlyMap<string, Given>;
}

const instanceOf = ({ instanceId }: CredentialFacts): string => `instance ${instanceId}`;

/** Who shares what was given: whoever works on a task or a delegation; else all sessions of an instance. */
const holderOf = (credential: CredentialFacts): string => {
  const { task, chain } = credential;
  if (task === undefined) return instanceOf(credential);
  return chain === undefined ? `task ${task}` : `delegation ${chain.delegationId}`;
};

const valuesOf = ({ desks, sums }: Heard): string[] => [...desks, ...sums.map(String)];

export class OriginChecks {
  /** Of a gateway's process, by holder and value. */
  readonly #given = new Map<string, Map<string, Map<string, Given>>>();
  readonly #decided = new Map<string, Decided>();
  #at = 0;
  readonly counts = { vouched: 0, released: 0 };

  /** A gateway remembers in memory only. */
  started(gateway: string): void {
    this.#given.set(gateway, new Map());
  }

  #memory(gateway: string, holder: string): Map<string, Given> {
    const held = this.#given.get(gateway) ?? new Map<string, Map<string, Given>>();
    this.#given.set(gateway, held);
    const memory = held.get(holder) ?? new Map<string, Given>();
    held.set(holder, memory);
    return memory;
  }

  /** An agent gets what a tool answered. */
  got(gateway: string, credential: CredentialFacts, { facts }: DecisionRecord, text: string): void {
    const trusted = facts.tool?.classification.outputTrust === 'trusted';
    const at = ++this.#at;
    for (const holder of new Set([holderOf(credential), instanceOf(credential)])) {
      const memory = this.#memory(gateway, holder);
      for (const value of valuesOf(heardIn(text))) {
        const given = memory.get(value) ?? {};
        if (trusted) given.trusted ??= at;
        else given.untrusted ??= at;
        memory.set(value, given);
      }
    }
  }

  /** In the tick of a decision that allows. */
  decided(gateway: string, credential: CredentialFacts, { actionId }: DecisionRecord): void {
    const memory = this.#memory(gateway, holderOf(credential));
    this.#decided.set(actionId, { at: this.#at, credential, memory });
  }

  /** A tool acts with these arguments. */
  acted(record: DecisionRecord, args: string): Wrong | undefined {
    const decided = this.#decided.get(record.actionId);
    if (decided === undefined || record.facts.tool?.classification.class === 'read') return undefined;
    const { credential } = decided;
    const alone = record.approvalId === undefined;
    if (alone && credential.task !== undefined && `${record.server}/${record.tool}` === unasked)
      return ['on a task, what it does not ask for goes to a person', `${unasked} ran`];
    const { desks, sums } = heardIn(args);
    for (const value of [...desks, ...sums.map(String)]) {
      const wrong = this.#doubt(decided, value, desks.includes(value));
      if (wrong === undefined) this.counts.vouched++;
      else if (alone) return wrong;
      else this.counts.released++;
    }
    return undefined;
  }

  /** Why a person must have seen this value. An amount may be worked out. */
  #doubt({ at, credential, memory }: Decided, value: string, decides: boolean): Wrong | undefined {
    const { task, chain } = credential;
    if (task !== undefined && value === taskDesk) return undefined;
    const { trusted = Number.POSITIVE_INFINITY, untrusted = Number.POSITIVE_INFINITY } =
      memory.get(value) ?? {};
    if (trusted <= at) return undefined;
    if (untrusted <= at)
      return ['what only an untrusted text says goes to a person', `${value} was acted on`];
    if (decides && chain !== undefined)
      return ['what only those above say goes to a person', `${value} was acted on`];
    return decides && task !== undefined
      ? ['on a task, what nobody said goes to a person', `${value} was acted on`]
      : undefined;
  }
}
