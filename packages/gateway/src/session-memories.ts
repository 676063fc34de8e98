/**
 * Room: segmentation (S-4, S-2). What each session at this gateway was given: the words of its task, and what its tools returned. A session without a task shares
 * the memory of its instance, so that opening another one does not wash anything clean; only a task, which a person gives, begins with nothing.
 * Held in memory only: after a restart nothing is known, and with a task an unknown value goes to a person.
 */
import type { GivenValues } from '@atf/core/data/output/links';
import { actionClassOf } from '@atf/core/decide';
import { argumentOrigins } from '@atf/core/segmentation/provenance/argument-origins';
import { saidBy } from '@atf/core/segmentation/provenance/origin-sentences';
import { type Seen, seenOf, SessionMemory } from '@atf/core/segmentation/provenance/session-memory';
import { type Intent, intentOf } from '@atf/core/segmentation/provenance/stated-intent';
import { aboutOf } from '@atf/core/segmentation/provenance/thing-meant';
import { changesOf, literalsIn } from '@atf/core/segmentation/sql/changes';
import type { QueryFact } from '@atf/core/wire/database';
import type { ToolDoc } from '@atf/core/wire/feed';
import type { Json, JsonObject } from '@atf/core/wire/json';
import { type CredentialFacts, noTask, type Received, type World } from '@atf/core/world';
import type { ClockPort, ControlPort } from './ports.ts';

const memoriesMax = 10_000;
/** Characters over all memories; beyond them the session that was idle for longest is forgotten. */
const keptMax = 67_108_864;
/** A person may add to the words of a task: they are read again when they are older than this, also when they could not be read. */
const wordsFreshMs = 2_000;
/** Approvals of one session that are known to have been heard of. */
const heardMax = 1_000;

interface Held {
  readonly memory: SessionMemory;
  readMs: number | undefined;
  reading: Promise<void> | undefined;
  /** The delegation whose words are in it. */
  delegationId: string | undefined;
  /** A person gave the task, as far as control has said so; else a host application declared it. */
  byPerson: boolean;
  /** Approvals whose stored results are in it. */
  readonly heard: Set<string>;
}

/** The words of what a session works on. */
interface WorkWords {
  /** A person's. */
  readonly turns: readonly string[];
  readonly byPerson: boolean;
  /** Another agent's. */
  readonly delegated:
    | { readonly delegationId: string; readonly by: string; readonly words: string }
    | undefined;
}

const hasWork = ({ task, chain }: CredentialFacts): boolean => task !== undefined || chain !== undefined;

export type ProvenanceFacts = Pick<World, 'provenance' | 'task'>;

interface Remembered {
  readonly memory: SessionMemory;
  readonly revision: number;
  readonly facts: ProvenanceFacts;
}

const instanceKey = ({ instanceId }: CredentialFacts): string => `instance ${instanceId}`;
/** Whoever goes on with a task goes on with what was read for it. Work of another agent is under the root's task, and has what its own session was given. */
const keyOf = (credential: CredentialFacts): string => {
  const { task, chain } = credential;
  if (task === undefined) return instanceKey(credential);
  return chain === undefined ? `task ${task}` : `delegation ${chain.delegationId}`;
};

const severity: readonly Intent[] = ['stated', 'unclear', 'silent'];
const worstIntent = (intents: readonly Intent[]): Intent =>
  intents.reduce(
    (worst, each) => (severity.indexOf(each) > severity.indexOf(worst) ? each : worst),
    'stated',
  );

/** Who works for another agent has from it what nobody else gave. (An amount may be worked out.) */
const withoutDoubt = ({ chain }: CredentialFacts, found: ProvenanceFacts['provenance']) =>
  chain === undefined
    ? found
    : found.map((each) =>
        each.origin === 'unknown' && each.role !== 'amount'
          ? { ...each, origin: 'untrusted' as const, from: saidBy('above') }
          : each,
      );

export class SessionMemories {
  readonly #control: ControlPort;
  readonly #clock: ClockPort;
  /** In the order of their last use. */
  readonly #held = new Map<string, Held>();
  /** One call is decided more than once. */
  readonly #facts = new WeakMap<JsonObject, Remembered>();
  #kept = 0;

  constructor({ control, clock }: { readonly control: ControlPort; readonly clock: ClockPort }) {
    this.#control = control;
    this.#clock = clock;
  }

  /** Has the words of its work read, once for those who ask at the same time. Bounded by the port; without words every value is unknown. */
  async prepare(credential: CredentialFacts): Promise<void> {
    if (!hasWork(credential)) return;
    const held = this.#at(keyOf(credential));
    const { readMs } = held;
    if (readMs !== undefined && this.#clock.monotonicMs() - readMs < wordsFreshMs) return;
    const reading = this.#read(held, credential);
    // Words are only ever added: those that are held are not waited for again.
    if (readMs === undefined) await reading;
  }

  /** Has the words read anew before a person is asked about something that they may say by now. Gives whether there are others. */
  async reread(credential: CredentialFacts): Promise<boolean> {
    if (!hasWork(credential)) return false;
    const held = this.#at(keyOf(credential));
    const before = held.memory.task;
    await this.#read(held, credential);
    return held.memory.task !== before;
  }

  async #read(held: Held, credential: CredentialFacts): Promise<void> {
    held.reading ??= this.#ask(credential)
      .then((words) => {
        if (words !== undefined) {
          held.byPerson = words.byPerson;
          held.memory.setTask(words.turns.join('\n'));
          this.#hear(held, words.delegated);
        }
        held.readMs = this.#clock.monotonicMs();
      })
      .finally(() => {
        held.reading = undefined;
      });
    await held.reading;
  }

  async #ask({ agentId, sid, task: id = '', chain }: CredentialFacts): Promise<WorkWords | undefined> {
    if (chain === undefined) {
      const answer = await this.#control.request('gateway.task', { params: { id } });
      const own = answer.ok && answer.value.agentId === agentId && answer.value.sid === sid;
      if (!own) return undefined;
      const { turns, host } = answer.value;
      return { turns, byPerson: host === undefined, delegated: undefined };
    }
    const { delegationId } = chain;
    const answer = await this.#control.request('gateway.delegated', { params: { id: delegationId } });
    if (!answer.ok || answer.value.agentId !== agentId || answer.value.sid !== sid) return undefined;
    const { turns, by, words, host } = answer.value;
    return { turns, byPerson: host === undefined, delegated: { delegationId, by, words } };
  }

  /** What another agent says is no person's word: a text like that of any untrusted tool. */
  #hear(held: Held, delegated: WorkWords['delegated']): void {
    if (delegated === undefined || held.delegationId === delegated.delegationId) return;
    held.delegationId = delegated.delegationId;
    const { by, words } = delegated;
    const result = { content: [{ type: 'text', text: words }] };
    this.#add(held, seenOf({ tool: saidBy(by), trusted: false, args: {}, result, document: true }));
  }

  /** Where the values of a call come from. Reading is free to go anywhere that policy lets it. */
  facts(
    credential: CredentialFacts,
    tool: ToolDoc | undefined,
    args: JsonObject,
    query?: QueryFact,
  ): ProvenanceFacts {
    if (tool === undefined || actionClassOf(tool) === 'read') return { provenance: [], task: noTask };
    const { memory, byPerson } = this.#at(keyOf(credential));
    const known = this.#facts.get(args);
    if (known?.memory === memory && known.revision === memory.revision) return known.facts;
    const changes = changesOf(query);
    const { arguments: roles } = tool.classification;
    const { sql } = roles;
    // What a statement changes is said by its own words, not by the name of the tool; and each value in it says which rows and to what.
    const asked =
      sql === undefined || changes.length === 0
        ? { args, roles, does: [tool.name] }
        : {
            args: { ...args, [sql]: literalsIn(String(args[sql])) },
            roles: { ...roles, object: sql },
            does: changes,
          };
    const found = argumentOrigins(memory, asked.args, asked.roles);
    const about = aboutOf(memory, found, asked.args);
    const intents = asked.does.map((does) => intentOf(memory.task, does, about));
    const facts: ProvenanceFacts = {
      provenance: withoutDoubt(credential, found),
      task:
        credential.task === undefined
          ? noTask
          : { assurance: byPerson ? 'person' : 'host', intent: worstIntent(intents) },
    };
    this.#facts.set(args, { memory, revision: memory.revision, facts });
    return facts;
  }

  /** What the session was given, by value. */
  given(credential: CredentialFacts): GivenValues {
    const originOf = (value: string) => this.#at(keyOf(credential)).memory.find(value).origin;
    return {
      wasRead: (value) => !['unknown', 'task'].includes(originOf(value)),
      isKnown: (value) => originOf(value) !== 'unknown',
    };
  }

  /** The words of the task of this session, as far as they are known. */
  wordsOf(credential: CredentialFacts): string | undefined {
    return credential.task === undefined ? undefined : this.#at(keyOf(credential)).memory.task;
  }

  /** Takes in what a call returned, before its caller has it. `isDoubtful`: whoever the tool is trusted for, this was not to be. */
  observe(
    { credential, actionId, args }: Received,
    { tool, isDoubtful }: { readonly tool: ToolDoc; readonly isDoubtful: boolean },
    result: Json,
  ): void {
    const trusted = tool.classification.outputTrust === 'trusted' && !isDoubtful;
    const seen = seenOf({ tool: `${tool.server}/${tool.name}`, trusted, args, result, action: actionId });
    for (const held of this.#heldBy(credential)) this.#add(held, seen);
    this.#forget();
  }

  /**
   * Takes in what a released call brought back to somebody else, or earlier, before this caller has it; once. Nobody knows any more what was doubted of it: it is
   * nobody's word that could be trusted.
   */
  hear(credential: CredentialFacts, approvalId: string, tool: string, result: Json): void {
    const holders = this.#heldBy(credential).filter(({ heard }) => !heard.has(approvalId));
    if (holders.length === 0) return;
    const seen = seenOf({ tool, trusted: false, args: {}, result });
    for (const held of holders) {
      held.heard.add(approvalId);
      const [oldest] = held.heard;
      if (held.heard.size > heardMax && oldest !== undefined) held.heard.delete(oldest);
      this.#add(held, seen);
    }
    this.#forget();
  }

  /** What was read for a task is not unread when the instance goes on without one. */
  #heldBy(credential: CredentialFacts): Held[] {
    return [...new Set([keyOf(credential), instanceKey(credential)])].map((key) => this.#at(key));
  }

  #add({ memory }: Held, seen: Seen): void {
    const before = memory.kept;
    memory.add(seen);
    this.#kept += memory.kept - before;
  }

  #at(key: string): Held {
    const known = this.#held.get(key);
    const held = known ?? {
      memory: new SessionMemory(),
      readMs: undefined,
      reading: undefined,
      delegationId: undefined,
      byPerson: false,
      heard: new Set(),
    };
    this.#held.delete(key);
    this.#held.set(key, held);
    if (known === undefined) this.#forget();
    return held;
  }

  #forget(): void {
    for (const [key, { memory }] of this.#held) {
      if (this.#held.size <= memoriesMax && this.#kept <= keptMax) return;
      this.#held.delete(key);
      this.#kept -= memory.kept;
    }
  }
}
