/**
 * Invariants of provenance: where the values of a call come from, and what a task asks for. From outside, as checks.ts: from what agents were given, by which gateway
 * process, and from what tools were called with. They say which calls must have gone to a person, never which must not.
 */
import type { DecisionRecord } from '@atf/core/record';
import type { CredentialFacts } from '@atf/core/world';
import { isJsonObject, type Json } from '@atf/core/wire/json';
import { namedPerson } from './desk.ts';
import { type Heard, heardIn, mailsIn, taskDesk } from './scene.ts';
import type { Wrong } from './session-checks.ts';

/** The tool that no task asks for. */
const unasked = 'wiki/edit_page';

/** When a value was first given, by whom it was said; in the order of all that was given. */
interface Given {
  trusted?: number;
  /** Of an untrusted tool: as a whole field; inside of a text. */
  listed?: number;
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

const valuesIn = (text: string): string[] => {
  const { desks, sums }: Heard = heardIn(text);
  return [...desks, ...mailsIn(text), ...sums.map(String)];
};

/** The person whom an address names: the task speaks of one of them. */
const personOf = (value: string): string | undefined => /^([a-z]+)@/.exec(value)?.[1];

/** Whole fields of what a tool returned, and all else that it says. */
function partsOf(result: Json): { readonly fields: ReadonlySet<string>; readonly texts: readonly string[] } {
  const { structuredContent, content } = isJsonObject(result) ? result : {};
  const leaves = Object.values(isJsonObject(structuredContent) ? structuredContent : {}).map(String);
  const isField = (leaf: string) => valuesIn(leaf).length === 1 && valuesIn(leaf)[0] === leaf;
  return {
    fields: new Set(leaves.filter(isField)),
    texts: [JSON.stringify(content ?? result), ...leaves.filter((leaf) => !isField(leaf))],
  };
}

/** The task speaks of whom the address names, and nothing that was given names that person otherwise. */
const isNamed = (value: string, memory: ReadonlyMap<string, Given>, at: number): boolean =>
  personOf(value) === namedPerson &&
  [...memory].every(
    ([other, given]) =>
      other === value || personOf(other) !== namedPerson || Object.values(given).every((each) => each > at),
  );

export class OriginChecks {
  /** Of a gateway's process, by holder and value. */
  readonly #given = new Map<string, Map<string, Map<string, Given>>>();
  readonly #decided = new Map<string, Decided>();
  #at = 0;
  /** Actions that read from a source which was not trusted. */
  readonly #doubted = new Set<string>();
  readonly counts = { vouched: 0, released: 0, listed: 0, named: 0, doubted: 0 };

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
  got(gateway: string, credential: CredentialFacts, { actionId, facts }: DecisionRecord, result: Json): void {
    const doubted = this.#doubted.has(actionId);
    const trusted = facts.tool?.classification.outputTrust === 'trusted' && !doubted;
    if (doubted) this.counts.doubted++;
    const at = ++this.#at;
    const { fields, texts } = partsOf(result);
    const said = texts.flatMap(valuesIn);
    for (const holder of new Set([holderOf(credential), instanceOf(credential)])) {
      const memory = this.#memory(gateway, holder);
      const give = (value: string, as: keyof Given) => {
        const given = memory.get(value) ?? {};
        given[as] ??= at;
        memory.set(value, given);
      };
      for (const value of said) give(value, trusted ? 'trusted' : 'untrusted');
      for (const value of fields) give(value, trusted ? 'trusted' : 'listed');
    }
  }

  /** In the tick of a decision that allows. */
  decided(
    gateway: string,
    credential: CredentialFacts,
    { actionId }: DecisionRecord,
    doubted: boolean,
  ): void {
    const memory = this.#memory(gateway, holderOf(credential));
    this.#decided.set(actionId, { at: this.#at, credential, memory });
    if (doubted) this.#doubted.add(actionId);
  }

  /** A tool acts with these arguments. */
  acted(record: DecisionRecord, args: string): Wrong | undefined {
    const decided = this.#decided.get(record.actionId);
    if (decided === undefined || record.facts.tool?.classification.class === 'read') return undefined;
    const { credential } = decided;
    const alone = record.approvalId === undefined;
    if (alone && credential.task !== undefined && `${record.server}/${record.tool}` === unasked)
      return ['on a task, what it does not ask for goes to a person', `${unasked} ran`];
    const sums = new Set(heardIn(args).sums.map(String));
    for (const value of valuesIn(args)) {
      const wrong = this.#doubt(decided, value, !sums.has(value));
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
    const never = Number.POSITIVE_INFINITY;
    const { trusted = never, listed = never, untrusted = never } = memory.get(value) ?? {};
    if (trusted <= at) return undefined;
    if (untrusted <= at) {
      if (task === undefined || !isNamed(value, memory, at))
        return ['what only an untrusted text says goes to a person', `${value} was acted on`];
      this.counts.named++;
      return undefined;
    }
    if (listed <= at) {
      this.counts.listed++;
      return undefined;
    }
    if (decides && chain !== undefined)
      return ['what only those above say goes to a person', `${value} was acted on`];
    return decides && task !== undefined
      ? ['on a task, what nobody said goes to a person', `${value} was acted on`]
      : undefined;
  }
}
