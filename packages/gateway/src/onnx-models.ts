/**
 * Room: data (D-3). Models of the company that run on this host: policy says which ones, by their digests, the host where they are (`servers.yaml`). A process each, held anew to the
 * digests whenever a file or the host's word changes, and started again after a pause when it ends.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '@atf/core/wire/json';
import type { ModelDetector, OwnDetector } from '@atf/core/wire/own-detectors';
import { type AskOne, modelEntry } from './asked-services.ts';
import { type HostModel, ModelProcess } from './onnx-process.ts';
import type { HostServer, ServersFile } from './servers-file.ts';

const pauseMs = 1_000;
const pauseMsMax = 60_000;
const memoryMbDefault = 2_048;

export interface OnnxModelsInput {
  readonly file: Pick<ServersFile, 'read'>;
  readonly monotonicMs: () => number;
  readonly onReady: (model: string, pid: number) => void;
  /** In words: why, and what would help. */
  readonly onProblem: (model: string, why: string, againInMs: number | undefined) => void;
}

interface Slot {
  /** What the host said, and what its files looked like. */
  readonly seen: string;
  process?: ModelProcess | undefined;
  failures: number;
  againMs: number;
}

/** Detectors that mean the same model share its process. */
const keyOf = ({ model, digests, classes, scores, tokens }: ModelDetector): string =>
  canonicalJson({ model, digests, classes: [...classes], scores, tokens });

function looksOf(file: string): string {
  try {
    const { size, mtimeMs, ino } = statSync(file);
    return `${size} ${mtimeMs} ${ino}`;
  } catch {
    return 'none';
  }
}

/** What the host says of it, or in words what it does not say. */
function hostModel(name: string, host: HostServer | undefined): HostModel | string {
  if (host?.files === undefined || host.installedIn === undefined)
    return `servers.yaml of this host does not say where it is: ${modelEntry(name)}: { files: /its/folder, runtime: onnxruntime-node, installedIn: /where/that/was/installed }`;
  const { files, installedIn, runtime = 'onnxruntime-node', memoryMb = memoryMbDefault } = host;
  return { files, installedIn, runtime, memoryMb };
}

export class OnnxModels {
  readonly #input: OnnxModelsInput;
  readonly #slots = new Map<string, Slot>();

  constructor(input: OnnxModelsInput) {
    this.#input = input;
  }

  /** Runs what the settings name, so that nobody waits for it to be loaded, and nothing else. */
  tick(detectors: readonly OwnDetector[] | undefined): void {
    const named = (detectors ?? []).filter((own) => 'model' in own);
    for (const model of named) this.#slot(model);
    const keys = new Set(named.map(keyOf));
    for (const [key, { process }] of this.#slots)
      if (!keys.has(key)) {
        process?.close();
        this.#slots.delete(key);
      }
  }

  readonly ask: AskOne = async ({ model, signal }, question) => {
    if (model === undefined || signal === undefined) return undefined;
    const slot = this.#slot(model);
    const { labels, threshold } = model;
    const answer = await slot.process?.ask({ question, labels, threshold, signal });
    if (answer !== undefined) slot.failures = 0;
    return answer;
  };

  close(): void {
    this.tick([]);
  }

  #slot(model: ModelDetector): Slot {
    const key = keyOf(model);
    const read = this.#input.file.read();
    const host = read.ok ? hostModel(model.model, read.servers.get(modelEntry(model.model))) : read.problem;
    const files =
      typeof host === 'string' ? [] : ['model.onnx', 'tokenizer.json'].map((name) => join(host.files, name));
    const seen = JSON.stringify([host, ...files.map(looksOf)]);
    let slot = this.#slots.get(key);
    if (slot?.seen !== seen) {
      slot?.process?.close();
      slot = { seen, failures: 0, againMs: Number.NEGATIVE_INFINITY };
      this.#slots.set(key, slot);
      if (typeof host === 'string') this.#input.onProblem(model.model, host, undefined);
    }
    if (typeof host !== 'string' && slot.process === undefined && this.#input.monotonicMs() >= slot.againMs)
      slot.process = this.#started(slot, host, model);
    return slot;
  }

  #started(slot: Slot, host: HostModel, model: ModelDetector): ModelProcess {
    return new ModelProcess(host, model, {
      onReady: (pid) => this.#input.onReady(model.model, pid),
      onEnd: (why) => {
        const againInMs = Math.min(pauseMsMax, pauseMs * 2 ** slot.failures++);
        slot.process = undefined;
        slot.againMs = this.#input.monotonicMs() + againInMs;
        this.#input.onProblem(model.model, why, againInMs);
      },
    });
  }
}
