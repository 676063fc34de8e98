/**
 * Room: policy (S-2). The decisions of one bundle of the log, made again. What the records do not hold themselves (manifests, sealed arguments) is asked for,
 * once a bundle, and arguments only where the decision depends on them.
 */
import type { Entry } from '@atf/core/audit/entry';
import { decodeBundle } from '@atf/core/audit/tiles';
import { type DecisionChange, type Sides, tryOut, type Unreplayable } from '@atf/core/backtest';
import type { DecisionRecord } from '@atf/core/record';
import { type DecidingManifest, openRecord, type OpenedRecord, type ReplaySources } from '@atf/core/replay';
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
  readonly opened: OpenedRecord;
}

/** What the bundle adds to the report while it is looked at. */
class Tally {
  decisions = 0;
  otherVersion = 0;
  readonly unreplayable: Partial<Record<Unreplayable, number>> = {};
  readonly changes: BacktestChange[] = [];

  cannot(what: Unreplayable): void {
    this.unreplayable[what] = (this.unreplayable[what] ?? 0) + 1;
  }
}

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

export class Trials {
  readonly #sides: Sides;
  readonly #task: Pick<Task, 'agentId' | 'sinceMs'>;
  readonly #ask: (wanted: Wanted) => Promise<Facts>;
  readonly #manifests = new Map<string, DecidingManifest | null>();
  /** As many as there are tools whose amounts or arguments decide. */
  readonly #definitions = new Map<string, JsonObject | null>();
  readonly #sources: ReplaySources;
  #held = 0;

  constructor(
    sides: Sides,
    task: Pick<Task, 'agentId' | 'sinceMs'>,
    ask: (wanted: Wanted) => Promise<Facts>,
  ) {
    this.#sides = sides;
    this.#task = task;
    this.#ask = ask;
    this.#sources = {
      manifest: (digest) => this.#manifests.get(digest) ?? undefined,
      // Asked for only where an amount or an argument decides: nothing else that is decided reads what a definition says.
      definition: (digest) => {
        const known = this.#definitions.get(digest);
        return known === null ? undefined : (known ?? {});
      },
      // Which set the record names does not matter: both that are asked are given.
      policy: () => sides.after,
      alsoAsked: [sides.before],
    };
  }

  async look(bundle: Bundle): Promise<Found> {
    const tally = new Tally();
    const opened = await this.#open(this.#decisionsIn(bundle, tally), tally);
    const texts = await this.#texts(opened);
    for (const one of opened) this.#try(one, texts, tally);
    const { decisions, otherVersion, unreplayable, changes } = tally;
    return { decisions, otherVersion, unreplayable, changes };
  }

  #decisionsIn({ first, width, bytes }: Bundle, tally: Tally): Decision[] {
    const { agentId, sinceMs } = this.#task;
    const mine = agentId === undefined ? undefined : Buffer.from(agentId);
    return decodeBundle(bytes, width).entries.flatMap((leaf, at): Decision[] => {
      const raw = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength);
      if (!marks.some((mark) => raw.includes(mark)) || (mine !== undefined && !raw.includes(mine))) return [];
      const entry = entryIn(raw);
      if (entry === undefined) {
        tally.cannot('record');
        return [];
      }
      if (!isDecision(entry.type) || Date.parse(entry.at) < sinceMs) return [];
      if (agentId !== undefined && entry.agent !== agentId) return [];
      return [{ index: first + at, entry }];
    });
  }

  /** Reads the records, and asks for the manifests that are not here yet. */
  async #open(decisions: readonly Decision[], tally: Tally): Promise<Opened[]> {
    if (this.#held > manifestCharactersMax) {
      this.#manifests.clear();
      this.#held = 0;
    }
    const first = decisions.map((decision) => ({
      ...decision,
      opened: openRecord(decision.entry.body, this.#sources),
    }));
    const wanted = new Set<string>();
    for (const { opened } of first)
      if (
        'missing' in opened &&
        opened.missing.what === 'manifest' &&
        !this.#manifests.has(opened.missing.digest)
      )
        wanted.add(opened.missing.digest);
    if (wanted.size > 0) {
      const { manifests } = await this.#ask({ manifests: [...wanted], definitions: [], payloads: [] });
      for (const [digest, manifest] of manifests) {
        this.#manifests.set(digest, manifest);
        this.#held += digest.length + JSON.stringify(manifest).length;
      }
    }
    const again = first.map(({ opened, ...decision }) => ({
      ...decision,
      opened: 'missing' in opened ? openRecord(decision.entry.body, this.#sources) : opened,
    }));
    const unread = new Set(
      again.flatMap(({ opened }) =>
        !('missing' in opened) && opened.needsArguments ? [opened.record.definitionDigest ?? ''] : [],
      ),
    );
    const definitions = [...unread].filter((digest) => !this.#definitions.has(digest));
    if (definitions.length > 0) {
      const found = await this.#ask({ manifests: [], definitions, payloads: [] });
      for (const [digest, definition] of found.definitions) this.#definitions.set(digest, definition);
    }
    return again.flatMap(({ opened: before, ...decision }): Opened[] => {
      // With the definition of its tool.
      const opened =
        !('missing' in before) && before.needsArguments
          ? openRecord(decision.entry.body, this.#sources)
          : before;
      if (!('missing' in opened)) return [{ ...decision, opened }];
      tally.cannot(opened.missing.what);
      return [];
    });
  }

  async #texts(opened: readonly Opened[]): Promise<ReadonlyMap<string, string | null>> {
    const payloads = opened.flatMap(({ opened: { needsArguments }, entry }): PayloadWanted[] =>
      needsArguments && entry.payload !== undefined ? [{ ...entry.payload }] : [],
    );
    if (payloads.length === 0) return new Map();
    return new Map((await this.#ask({ manifests: [], definitions: [], payloads })).payloads);
  }

  #try(one: Opened, texts: ReadonlyMap<string, string | null>, tally: Tally): void {
    const { opened, entry } = one;
    const { record } = opened;
    const text = opened.needsArguments ? texts.get(entry.payload?.id ?? '') : undefined;
    const args = typeof text === 'string' ? argumentsIn(text, record.payload?.stated === true) : undefined;
    const trial = tryOut(opened, args, this.#sides);
    if (trial.verdict === 'unreplayable') return tally.cannot(trial.what);
    tally.decisions += 1;
    if (trial.under === 'other') tally.otherVersion += 1;
    if (trial.verdict === 'changed') tally.changes.push(changeOf(one, record, trial.change));
  }
}
