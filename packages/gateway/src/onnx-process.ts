/**
 * Room: data (D-3). One process that runs one model: it is started with as few rights as the platform can give it, asked one question at a time, told when nobody waits any more, and
 * ended when it does not listen.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, setPriority } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json } from '@atf/core/wire/json';
import type { ModelDetector } from '@atf/core/wire/own-detectors';
import type { FromWorker, LoadMessage, ToWorker } from './onnx-messages.ts';

const loadsWithinMs = 60_000;
/** From when it is told that nobody waits until it says that it has heard; one window takes no longer. */
const listensWithinMs = 5_000;
const heapMb = 1_024;
const here = import.meta.url;
const workerFile = fileURLToPath(new URL(`./onnx-worker${extname(new URL(here).pathname)}`, here));

/** Where the host says that things are. */
export interface HostModel {
  readonly files: string;
  readonly runtime: 'onnxruntime-node' | 'onnxruntime-web';
  readonly installedIn: string;
  readonly memoryMb: number;
}

export interface ModelQuestion {
  readonly question: string;
  readonly labels: readonly string[];
  readonly threshold: number;
  readonly signal: AbortSignal;
}

interface Waiting extends ModelQuestion {
  readonly resolve: (answer: Json | undefined) => void;
}

/** The runtime that was installed there; undefined: none was. */
function runtimeModule({ runtime, installedIn }: HostModel): string | undefined {
  try {
    return realpathSync(createRequire(join(installedIn, 'package.json')).resolve(runtime));
  } catch {
    return undefined;
  }
}

export class ModelProcess {
  readonly #memoryMb: number;
  readonly #onEnd: (why: string) => void;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ready = false;
  #ended = false;
  #count = 0;
  #running: Waiting | undefined;
  readonly #waiting: Waiting[] = [];

  /** `onEnd`: is told once, why, unless it was closed. */
  constructor(
    host: HostModel,
    { digests, classes, scores, tokens }: Pick<ModelDetector, 'digests' | 'classes' | 'scores' | 'tokens'>,
    { onReady, onEnd }: { onReady: (pid: number) => void; onEnd: (why: string) => void },
  ) {
    this.#memoryMb = host.memoryMb;
    this.#onEnd = onEnd;
    const runtime = runtimeModule(host);
    if (runtime === undefined) {
      const { runtime: name, installedIn } = host;
      setImmediate(() =>
        this.#end(
          `${name} is not installed in ${installedIn}: run npm install --prefix ${installedIn} ${name}`,
        ),
      );
      return;
    }
    const tokenizerModule = createRequire(here).resolve('@huggingface/tokenizers');
    const folders = [
      dirname(workerFile),
      join(dirname(workerFile), '..', 'package.json'),
      dirname(dirname(tokenizerModule)),
      host.files,
      join(host.installedIn, 'node_modules'),
      dirname(dirname(runtime)),
    ];
    const child = fork(workerFile, [], {
      env: {},
      cwd: dirname(workerFile),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [
        '--permission',
        ...folders.map((folder) => `--allow-fs-read=${folder}`),
        ...(host.runtime === 'onnxruntime-node' ? ['--allow-addons'] : []),
        `--max-old-space-size=${heapMb}`,
      ],
    });
    this.#child = child;
    try {
      // Whoever waits for a lease is not kept by a model.
      setPriority(child.pid ?? 0, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has ended, or the platform knows no such thing.
    }
    child.on('message', (message) => this.#heard(message as FromWorker, onReady));
    child.once('error', () => this.#end('its process cannot be started'));
    child.once('exit', (code, signal) => this.#end(`its process has ended (${signal ?? code ?? 'unknown'})`));
    this.#timer = setTimeout(
      () => this.#end(`it was not loaded within ${loadsWithinMs / 1_000} s`),
      loadsWithinMs,
    );
    const { files } = host;
    this.#tell({
      load: { files, digests, tokenizerModule, runtimeModule: runtime, classes, scores, tokens },
    } satisfies LoadMessage);
  }

  /** Undefined: no answer. Never throws. */
  ask(question: ModelQuestion): Promise<Json | undefined> {
    if (this.#ended || question.signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiting: Waiting = { ...question, resolve };
      question.signal.addEventListener('abort', () => this.#late(waiting), { once: true });
      this.#waiting.push(waiting);
      this.#next();
    });
  }

  close(): void {
    this.#stop();
  }

  #next(): void {
    if (!this.#ready || this.#ended || this.#running !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next;
    const { question, labels, threshold } = next;
    this.#tell({ ask: ++this.#count, question, labels, threshold });
  }

  /** Nobody waits for this answer any more. */
  #late(waiting: Waiting): void {
    waiting.resolve(undefined);
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#running !== waiting || this.#ended) return;
    this.#tell({ drop: this.#count });
    this.#timer = setTimeout(() => this.#end('it did not answer'), listensWithinMs);
  }

  #heard(message: FromWorker, onReady: (pid: number) => void): void {
    if (this.#ended) return;
    if ('problem' in message) return this.#end(message.problem);
    clearTimeout(this.#timer);
    if ('ready' in message) {
      this.#ready = true;
      onReady(this.#child?.pid ?? 0);
    } else if (message.answered === this.#count) {
      const { found } = message;
      this.#running?.resolve(found === undefined ? undefined : ({ found } as unknown as Json));
      this.#running = undefined;
      if (message.rssMb > this.#memoryMb)
        return this.#end(`it took ${message.rssMb} MB, more than ${this.#memoryMb} (memoryMb)`);
    }
    this.#next();
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.#stop();
    this.#onEnd(why);
  }

  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    for (const { resolve } of [...this.#waiting.splice(0), ...(this.#running ? [this.#running] : [])])
      resolve(undefined);
    this.#running = undefined;
  }

  #tell(message: ToWorker): void {
    // One that has ended says so itself.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }
}
