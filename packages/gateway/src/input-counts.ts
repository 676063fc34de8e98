/**
 * Room: data (D-2). Counts what kinds of inputs agents get from their sources, by hour, and tells control. Counts only ever grow until their hour is over and told, and
 * control replaces what this process said before: an answer that got lost counts nothing twice. Bounded; makes no call wait; holds no content.
 */
import { randomUUID } from 'node:crypto';
import { countResult, noCounts, sampledMax } from '@atf/core/data/input-statistics';
import { hourOf } from '@atf/core/hours';
import { type InputCounts, inputWindowsMax } from '@atf/core/wire/drift';
import { type Json, stringsIn } from '@atf/core/wire/json';
import type { Ran } from './execute.ts';
import { isMemoryWrite } from './memory-writes.ts';
import type { ClockPort, ControlPort } from './ports.ts';
import type { ToolResult } from './protocols/protocol.ts';
import type { Decided } from './record.ts';

export const inputsTellEveryMs = 5_000;
/** Agents and sources in one hour; what comes beyond is not counted. */
export const inputsHeldMax = 2_000;

interface Held {
  readonly agentId: string;
  readonly tool: string;
  readonly hour: number;
  readonly counts: InputCounts;
  told: number;
}

export class InputCounter {
  readonly #clock: ClockPort;
  readonly #control: ControlPort;
  readonly #boot = randomUUID();
  readonly #held = new Map<string, Held>();
  #telling = false;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, control }: { readonly clock: ClockPort; readonly control: ControlPort }) {
    this.#clock = clock;
    this.#control = control;
  }

  /** A call has run: what came of it counts, also where it was withheld; and what it wrote where agents read it later. */
  ran(
    { received, decision, world: { tool } }: Pick<Decided, 'received' | 'decision' | 'world'>,
    { result, data }: Ran,
  ): void {
    const kept = tool !== undefined && isMemoryWrite(tool) ? received.args : undefined;
    if (decision.actionClass !== 'read' && kept === undefined) return;
    if (result === undefined && data === undefined && kept === undefined) return;
    const { agentId } = received.credential;
    const source = `${received.server}/${received.tool}`;
    const hour = hourOf(this.#clock.nowMs());
    const key = `${agentId} ${source} ${hour}`;
    const held = this.#held.get(key) ?? { agentId, tool: source, hour, counts: noCounts(), told: 0 };
    if (!this.#held.has(key) && this.#held.size >= inputsHeldMax) return;
    this.#held.set(key, held);
    countResult(held.counts, { ...sampleOf(kept ?? contentOf(result)), labels: data?.labels ?? [] });
  }

  /** Tells control what is new; regularly. Never throws. */
  async tick(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#telling || nowMs - this.#toldMs < inputsTellEveryMs) return;
    this.#toldMs = nowMs;
    this.#telling = true;
    try {
      await this.#tell();
    } finally {
      this.#telling = false;
    }
  }

  async #tell(): Promise<void> {
    const hour = hourOf(this.#clock.nowMs());
    const due = [...this.#held.values()]
      .filter(({ counts, told }) => counts.results > told)
      .slice(0, inputWindowsMax);
    if (due.length > 0) {
      const said = due.map(({ counts }) => counts.results);
      const windows = due.map(({ agentId, tool, hour: of, counts }) => ({ agentId, tool, hour: of, counts }));
      const answer = await this.#control.request('gateway.inputs', { body: { boot: this.#boot, windows } });
      // Said to control that cannot take it, an old hour is let go all the same: it must not fill the memory.
      if (answer.ok) for (const [at, held] of due.entries()) held.told = said[at] ?? 0;
    }
    for (const [key, held] of this.#held)
      if (held.hour < hour && (held.told === held.counts.results || held.hour < hour - 1))
        this.#held.delete(key);
  }
}

const contentOf = (result: ToolResult | undefined): Json =>
  result?.structuredContent ?? (result?.content as Json | undefined) ?? '';

/** Strings of a value, up to a bound, and how long all of it is. */
function sampleOf(value: Json): { readonly length: number; readonly sample: string } {
  const parts: string[] = [];
  let [length, sampled] = [0, 0];
  for (const text of stringsIn(value)) {
    length += text.length;
    if (sampled < sampledMax) parts.push(text.slice(0, sampledMax - sampled));
    sampled = Math.min(sampledMax, sampled + text.length);
  }
  return { length, sample: parts.join('\n') };
}
