/**
 * Room: policy (S-2). The decisions of one bundle of the log, made again. What the records do not hold themselves (manifests, sealed arguments) is asked for,
 * once a bundle, and arguments only where the decision depends on them.
 */
import type { Entry } from '@atf/core/audit/entry';
import { decodeBundle } from '@atf/core/audit/tiles';
import { type DecisionChange, type Sides, tryOut, type Unreplayable } from '@atf/core/backtest';
import { Counts } from '@atf/core/change-counts';
import type { Touched } from '@atf/core/policy/touched';
import type { DecisionRecord } from '@atf/core/record';
import { type DecidingManifest, openRecord, type ReplaySources } from '@atf/core/replay';
import { ReplayedDocuments } from '@atf/core/replayed-documents';
import type { BacktestChange } from '@atf/core/wire/backtest';
import {
  canonicalJson,
  isJsonObject,
  type Json,
  type JsonObject,
  parseStrictText,
} from '@atf/core/wire/json';
import { isDecision } from '../../activity/item.ts';
import type { Bundle, Facts, Found, PayloadWanted, Task, Wanted } from './messages.ts';

/** Characters of the manifests that are held at once; beyond it all are asked for again. */
const manifestCharactersMax = 64 * 1_048_576;
const becauseMax = 500;

interface Decision {
  readonly index: number;
  readonly entry: Entry;
}

interface Opened extends Decision {
  readonly opened: ReturnType<typeof openRecord>;
}

type Texts = ReadonlyMap<string, string | null>;
const noTexts: Texts = new Map();

/** What the bundle adds to the report while it is looked at. */
class Tally {
  decisions = 0;
  otherVersion = 0;
  readonly unreplayable: Partial<Record<Unreplayable, number>> = {};
  readonly #counts = new Counts();
  readonly #changes: BacktestChange[] = [];

  cannot(what: Unreplayable): void {
    this.unreplayable[what] = (this.unreplayable[what] ?? 0) + 1;
  }

  changed(change: BacktestChange): void {
    this.#counts.add(change, change);
    this.#changes.push(change);
  }

  /** With the first of its changes in the order of the log, at most `wanted`. */
  found(wanted: number): Found {
    const { decisions, otherVersion, unreplayable } = this;
    const changes = this.#changes.sort((a, b) => a.record - b.record);
    return {
      decisions,
      otherVersion,
      unreplayable,
      changed: changes.length,
      counts: this.#counts.tables(),
      changes: changes.slice(0, wanted),
    };
  }
}

const needsArguments = ({ opened }: Opened): boolean => !('missing' in opened) && opened.needsArguments;

/** Stands for definitions that nothing asks about. */
const unread: JsonObject = {};

/** What stands in every leaf of a decision: looked at before a leaf is read, which costs a hundred times as much. */
const marks = ['intent', 'asked', 'refused'].map((word) => Buffer.from(`"type":"action.${word}"`));

/**
 * A leaf was read strictly before it came into the log (decodeEntry), and what a decision needs of its body is read strictly by `openRecord`: here only what is
 * used, as fast as it goes.
 */
function entryIn(leaf: Buffer): Entry | undefined {
  try {
    const entry = JSON.parse(leaf.toString()) as Json;
    return isJsonObject(entry) && isEntry(entry) ? (entry as unknown as Entry) : undefined;
  } catch {
    return undefined;
  }
}

function isEntry({ type, at, agent, payload, body }: JsonObject): boolean {
  if (typeof type !== 'string' || typeof agent !== 'string' || !isJsonObject(body)) return false;
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) return false;
  if (payload === undefined) return true;
  return (
    isJsonObject(payload) && typeof payload['id'] === 'string' && typeof payload['commitment'] === 'string'
  );
}

/** What was sealed with a decision: the arguments, or `{arguments, stated}`. Undefined when it is neither. */
export function argumentsIn(text: string, stated: boolean): string | undefined {
  if (!stated) return text;
  const parsed = parseStrictText(text);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const { arguments: args } = parsed.value;
  return args === undefined ? undefined : canonicalJson(args);
}

function changeOf(
  { index, entry }: Decision,
  record: DecisionRecord,
  change: DecisionChange,
): BacktestChange {
  const { owed, because, rules, ...rest } = change;
  return {
    record: index,
    actionId: record.actionId,
    at: entry.at,
    agent: record.agent,
    tool: `${record.server}/${record.tool}`,
    ...rest,
    because: because.slice(0, becauseMax),
    rules: [...rules],
    ...(owed === undefined ? {} : { owed: { was: [...owed.was], would: [...owed.would] } }),
  };
}

/** What of the log is looked at, and of which decisions it is known that both sets say the same; undefined: of none. */
export interface Looked extends Pick<Task, 'agentId' | 'sinceMs'> {
  readonly touched: Touched | undefined;
}

export class Trials {
  readonly #sides: Sides;
  readonly #task: Looked;
  readonly #ask: (wanted: Wanted) => Promise<Facts>;
  readonly #manifests = new Map<string, DecidingManifest | null>();
  /** As many as there are tools whose amounts or arguments decide. */
  readonly #definitions = new Map<string, JsonObject | null>();
  readonly #sources: ReplaySources;
  /** What stands in every leaf of the agent that is looked at. */
  readonly #agentMark: Buffer | undefined;
  #held = 0;

  constructor(sides: Sides, task: Looked, ask: (wanted: Wanted) => Promise<Facts>) {
    this.#sides = sides;
    this.#task = task;
    this.#ask = ask;
    this.#agentMark = task.agentId === undefined ? undefined : Buffer.from(task.agentId);
    this.#sources = {
      manifest: (digest) => this.#manifests.get(digest) ?? undefined,
      // Asked for only where an amount or an argument decides: nothing else that is decided reads what a definition says.
      definition: (digest) => {
        const known = this.#definitions.get(digest);
        return known === null ? undefined : (known ?? unread);
      },
      documents: new ReplayedDocuments(),
      // Which set the record names does not matter: both that are asked are given.
      policy: () => sides.after,
      alsoAsked: [sides.before],
    };
  }

  /**
   * What can be decided at once is, one leaf after the other: what is let go before the next is cheap to collect. Only those that wait for an answer are held.
   */
  async look({ first, width, bytes, changesWanted }: Bundle): Promise<Found> {
    if (this.#held > manifestCharactersMax) {
      this.#manifests.clear();
      this.#held = 0;
    }
    const tally = new Tally();
    const waiting: Opened[] = [];
    for (const [at, leaf] of decodeBundle(bytes, width).entries.entries()) {
      const decision = this.#decisionIn(leaf, first + at, tally);
      if (decision === undefined) continue;
      const one = this.#open(decision);
      if (needsArguments(one) || this.#manifestsFor([one]).length > 0) waiting.push(one);
      else this.#try(one, noTexts, tally);
    }
    if (waiting.length > 0) {
      const opened = await this.#withDefinitions(await this.#withManifests(waiting));
      const texts = await this.#texts(opened);
      for (const one of opened) this.#try(one, texts, tally);
    }
    return tally.found(changesWanted);
  }

  #decisionIn(leaf: Uint8Array, index: number, tally: Tally): Decision | undefined {
    const { agentId, sinceMs } = this.#task;
    const raw = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength);
    if (!marks.some((mark) => raw.includes(mark))) return undefined;
    if (this.#agentMark !== undefined && !raw.includes(this.#agentMark)) return undefined;
    const entry = entryIn(raw);
    if (entry === undefined) {
      tally.cannot('record');
      return undefined;
    }
    if (!isDecision(entry.type) || Date.parse(entry.at) < sinceMs) return undefined;
    if (agentId !== undefined && entry.agent !== agentId) return undefined;
    if (this.#isUntouched(entry)) {
      tally.decisions += 1;
      return undefined;
    }
    return { index, entry };
  }

  /** Made under the set in force, and no policy that the candidate has otherwise is about it: it would be made the same again. */
  #isUntouched({ body }: Entry): boolean {
    const { touched } = this.#task;
    const { policyDigest, server, tool, class: action } = body;
    if (touched === undefined || policyDigest !== this.#sides.before.digest) return false;
    if (typeof server !== 'string' || typeof tool !== 'string' || typeof action !== 'string') return false;
    return !touched(`${server}/${tool}`, action);
  }

  #open({ index, entry }: Decision): Opened {
    return { index, entry, opened: openRecord(entry.body, this.#sources) };
  }

  /** Digests of manifests that nobody was asked for yet. */
  #manifestsFor(all: readonly Opened[]): string[] {
    const digests = all.flatMap(({ opened }) =>
      'missing' in opened && opened.missing.what === 'manifest' ? [opened.missing.digest] : [],
    );
    return [...new Set(digests)].filter((digest) => !this.#manifests.has(digest));
  }

  /** A record names the first that it lacks: behind that of its agent may be those of the agents above. */
  async #withManifests(all: readonly Opened[]): Promise<readonly Opened[]> {
    const wanted = this.#manifestsFor(all);
    if (wanted.length === 0) return all;
    const { manifests } = await this.#ask({ manifests: wanted, definitions: [], payloads: [] });
    const found = new Map(manifests);
    for (const digest of wanted) {
      const manifest = found.get(digest) ?? null;
      this.#manifests.set(digest, manifest);
      this.#held += digest.length + JSON.stringify(manifest).length;
    }
    return this.#withManifests(all.map((one) => ('missing' in one.opened ? this.#open(one) : one)));
  }

  /** Those that need their arguments, with the definition of their tool. */
  async #withDefinitions(all: readonly Opened[]): Promise<readonly Opened[]> {
    const named = all.flatMap(({ opened }) =>
      !('missing' in opened) && opened.needsArguments ? [opened.record.definitionDigest ?? ''] : [],
    );
    const definitions = [...new Set(named)].filter((digest) => !this.#definitions.has(digest));
    if (definitions.length > 0) {
      const found = await this.#ask({ manifests: [], definitions, payloads: [] });
      for (const [digest, definition] of found.definitions) this.#definitions.set(digest, definition);
    }
    return all.map((one) => (needsArguments(one) ? this.#open(one) : one));
  }

  async #texts(all: readonly Opened[]): Promise<Texts> {
    const payloads = all.flatMap((one): PayloadWanted[] =>
      needsArguments(one) && one.entry.payload !== undefined ? [{ ...one.entry.payload }] : [],
    );
    if (payloads.length === 0) return noTexts;
    return new Map((await this.#ask({ manifests: [], definitions: [], payloads })).payloads);
  }

  #try(one: Opened, texts: Texts, tally: Tally): void {
    const { opened, entry } = one;
    if ('missing' in opened) return tally.cannot(opened.missing.what);
    const { record } = opened;
    const text = opened.needsArguments ? texts.get(entry.payload?.id ?? '') : undefined;
    const args = typeof text === 'string' ? argumentsIn(text, record.payload?.stated === true) : undefined;
    const trial = tryOut(opened, args, this.#sides);
    if (trial.verdict === 'unreplayable') return tally.cannot(trial.what);
    tally.decisions += 1;
    if (trial.under === 'other') tally.otherVersion += 1;
    if (trial.verdict === 'changed') tally.changed(changeOf(one, record, trial.change));
  }
}
