/**
 * Room: data (D-2). What agents write where agents read it later (memories, notes, an index for retrieval) is looked at like what they read: whether it reads like
 * orders, and whether much of it is the same again. As facts of the decision. What was written is remembered as sketches, in this process, bounded.
 */
import { injectionVerdict } from '@atf/core/data/injection';
import { inspect, inspectInParts } from '@atf/core/data/inspect';
import { wholeMemory } from '@atf/core/data/memory';
import { areAlike, type Sketch, sketchOf } from '@atf/core/data/near-duplicates';
import { actionClassOf } from '@atf/core/decide';
import { dayMs } from '@atf/core/hours';
import type { SettingsDoc, ToolDoc } from '@atf/core/wire/feed';
import { type JsonObject, stringsIn } from '@atf/core/wire/json';
import type { DetectorVerdict } from '@atf/core/world';
import { atOnceMax, driven } from './data-inspection.ts';
import { WorstScore } from './models.ts';

/** Of these verdicts in records: raised when what is found changes. */
const version = '1';
/** Texts of one tool that are remembered, and tools; the eldest go first. */
const textsHeldMax = 1_024;
const toolsHeldMax = 100;
/** Texts of one call; of one with more nobody has looked at all. */
const textsMax = 50;

interface Looked {
  readonly reads: 'clear' | 'label' | 'block';
  readonly unchecked: boolean;
  readonly sketches: readonly Sketch[];
}

interface Written {
  readonly sketch: Sketch;
  readonly atMs: number;
}

/** Whether a call of it changes what agents read later. */
export const isMemoryWrite = (tool: ToolDoc): boolean =>
  tool.classification.memory === true && actionClassOf(tool) !== 'read';

const says = (name: string, verdict: DetectorVerdict['verdict'], label: string): DetectorVerdict => ({
  detector: `memory.${name}`,
  version,
  verdict,
  labels: [label],
});

function lookedOf(
  args: JsonObject,
  worst: WorstScore,
  inspection: ReturnType<typeof inspect>['inspection'],
): Looked {
  const sketches = stringsIn(args)
    .map(sketchOf)
    .filter((sketch) => sketch !== undefined);
  return {
    reads: injectionVerdict(worst.worst.verdict, [inspection]),
    unchecked: worst.unchecked || inspection.unchecked || sketches.length > textsMax,
    sketches: sketches.slice(0, textsMax),
  };
}

export class MemoryWrites {
  readonly #looked = new WeakMap<JsonObject, Looked>();
  readonly #written = new Map<string, Written[]>();

  /** Looks at long arguments before they are decided about, in slices. `length`: of their text. */
  async prepare(tool: ToolDoc | undefined, args: JsonObject, length: number): Promise<void> {
    if (tool === undefined || !isMemoryWrite(tool) || length <= atOnceMax || this.#looked.has(args)) return;
    const worst = new WorstScore('injection-read');
    const { inspection } = await driven(inspectInParts(args, { channel: 'read', hear: worst.hear }));
    this.#looked.set(args, lookedOf(args, worst, inspection));
  }

  verdicts(
    tool: ToolDoc,
    args: JsonObject,
    settings: SettingsDoc | undefined,
    nowMs: number,
  ): readonly DetectorVerdict[] {
    if (!isMemoryWrite(tool)) return [];
    const { reads, unchecked, sketches } = this.#lookAt(args);
    const { orders, repeated, alikeMax } = wholeMemory(settings?.memory);
    const verdicts: DetectorVerdict[] = [];
    if (reads !== 'clear') verdicts.push(says('orders', reads === 'block' ? orders : 'label', 'injection'));
    if (this.#alike(tool, sketches, nowMs) >= alikeMax) verdicts.push(says('repeated', repeated, 'repeated'));
    if (unchecked) verdicts.push(says('orders', orders, 'unchecked'));
    return verdicts;
  }

  /** A call was allowed: what it writes counts from now on. */
  allowed(tool: ToolDoc, args: JsonObject, nowMs: number): void {
    if (!isMemoryWrite(tool)) return;
    const key = `${tool.server}/${tool.name}`;
    const before = this.#written.get(key) ?? [];
    this.#written.delete(key);
    const fresh = this.#lookAt(args).sketches.map((sketch): Written => ({ sketch, atMs: nowMs }));
    const kept = before.filter(({ atMs }) => atMs > nowMs - dayMs);
    this.#written.set(key, [...kept, ...fresh].slice(-textsHeldMax));
    const [eldest] = this.#written.keys();
    if (this.#written.size > toolsHeldMax && eldest !== undefined) this.#written.delete(eldest);
  }

  #lookAt(args: JsonObject): Looked {
    const known = this.#looked.get(args);
    if (known !== undefined) return known;
    const worst = new WorstScore('injection-read');
    const { inspection } = inspect(args, { channel: 'read', max: atOnceMax, hear: worst.hear });
    const looked = lookedOf(args, worst, inspection);
    this.#looked.set(args, looked);
    return looked;
  }

  /** How many of a day are like the one of these of which there are most; one stands for itself where the same call says it again. */
  #alike({ server, name }: ToolDoc, sketches: readonly Sketch[], nowMs: number): number {
    const before = (this.#written.get(`${server}/${name}`) ?? []).filter(({ atMs }) => atMs > nowMs - dayMs);
    return Math.max(
      0,
      ...sketches.map(
        (sketch, at) =>
          before.filter((written) => areAlike(written.sketch, sketch)).length +
          sketches.slice(0, at).filter((other) => areAlike(other, sketch)).length,
      ),
    );
  }
}
