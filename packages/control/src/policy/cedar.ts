/**
 * Room: policy (S-1, S-2). The control plane's door to Cedar's own library: parse, validate, format, convert.
 *
 * The library runs in a worker thread that is thrown away after an error, a timeout or a number of uses, because deep
 * nesting can poison a wasm instance and a text can be made to take long. Decisions do not run here: `@atf/core` evaluates
 * the JSON form that `compileText` returns.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { setWasmFlags } from '../wasm-flags.ts';
import type {
  CompileTextResult,
  FormatTextResult,
  KnownTypes,
  PolicyFile,
  PolicyTextProblem,
  SchemaResult,
  WorkerAnswer,
  WorkerReply,
  WorkerRequest,
  WorkerTask,
} from './cedar-messages.ts';

export type {
  CompileTextResult,
  FormatTextResult,
  PolicyDocument,
  PolicyFile,
  PolicyTextProblem,
  PolicyTextProblemCode,
  SchemaResult,
  ToolTypes,
} from './cedar-messages.ts';

/** Files of one compilation. */
export const FILES_MAX = 1_000;
/** UTF-8 bytes of all texts of one task. */
export const TEXT_BYTES_MAX = 8 * 1_024 * 1_024;
/** Opening brackets that may stand inside each other, a bound on what the wasm must recurse into. */
export const NESTING_MAX = 200;
/** Tasks waiting for the one worker. */
export const TASKS_WAITING_MAX = 64;

export interface CedarOptions {
  /** Longest time of one task, from when the worker gets it. */
  readonly timeoutMs?: number;
  /** Tasks after which a worker is replaced. */
  readonly usesMax?: number;
}

const TIMEOUT_MS_DEFAULT = 30_000;
const USES_MAX_DEFAULT = 200;
const WORKER_HEAP_MB_MAX = 512;
const WORKER_STACK_MB = 16;

/** `.ts` when this module runs from source, `.js` when it was built. */
const workerUrl = new URL(`./cedar-worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

interface Waiting {
  readonly task: WorkerTask;
  readonly resolve: (answer: WorkerAnswer) => void;
}

const refuse = (
  code: PolicyTextProblem['code'],
  message: string,
): { ok: false; problems: readonly PolicyTextProblem[] } => ({
  ok: false,
  problems: [{ code, message }],
});

/**
 * Strings, comments and brackets. A string may end with the text: an expression that had to fail there would start again at
 * every quote and take quadratic time.
 */
const BRACKETS = /"(?:[^"\\]|\\.?)*(?:"|$)|\/\/[^\n]*|[([{]|[)\]}]/gs;

/** The deepest nesting of brackets outside strings and comments. */
const nestingOf = (text: string): number => {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(BRACKETS)) {
    if (token === '(' || token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else if (token === ')' || token === ']' || token === '}') depth -= 1;
  }
  return deepest;
};

const boundsProblem = (texts: readonly string[]): PolicyTextProblem | undefined => {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > TEXT_BYTES_MAX)
    return { code: 'too_large', message: `the texts are longer than ${TEXT_BYTES_MAX} bytes` };
  if (texts.some((text) => nestingOf(text) > NESTING_MAX)) {
    return { code: 'too_large', message: `brackets are nested deeper than ${NESTING_MAX}` };
  }
  return undefined;
};

/** Cedar's library behind a worker thread. One task at a time; the rest wait in a bounded queue. `close` ends the thread. */
export class Cedar {
  readonly #timeoutMs: number;
  readonly #usesMax: number;
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #uses = 0;
  #sequence = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CedarOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#usesMax = options.usesMax ?? USES_MAX_DEFAULT;
  }

  /**
   * Parses files of policies, each named by its `@id`, checks them against a `.cedarschema` when one is given, and converts
   * them to JSON; those about arguments of a tool against its types, where `types` are given, and those about time zones against `zones`. All or nothing. Refuses syntax errors, templates, missing and double ids, schema mismatches, too much
   * text; `unavailable` when the library did not answer.
   */
  async compileText(
    files: readonly PolicyFile[],
    schemaText?: string,
    types?: KnownTypes,
    zones: readonly string[] = [],
  ): Promise<CompileTextResult> {
    if (files.length > FILES_MAX) return refuse('too_large', `more than ${FILES_MAX} files`);
    const bounds = boundsProblem([...files.map((file) => file.text), schemaText ?? '']);
    if (bounds !== undefined) return { ok: false, problems: [bounds] };
    return (await this.#ask({
      kind: 'compile',
      files,
      schemaText,
      types,
      zones,
    })) as CompileTextResult;
  }

  /** The text as Cedar's formatter writes it. */
  async formatText(text: string): Promise<FormatTextResult> {
    const bounds = boundsProblem([text]);
    if (bounds !== undefined) return { ok: false, problems: [bounds] };
    return (await this.#ask({ kind: 'format', text })) as FormatTextResult;
  }

  /** A `.cedarschema` as Cedar's JSON schema. */
  async schemaJson(schemaText: string): Promise<SchemaResult> {
    const bounds = boundsProblem([schemaText]);
    if (bounds !== undefined) return { ok: false, problems: [bounds] };
    return (await this.#ask({ kind: 'schema', schemaText })) as SchemaResult;
  }

  /** Ends the worker; what waits is answered `unavailable`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { resolve } of this.#waiting.splice(0))
      resolve(refuse('unavailable', 'policy compilation was stopped'));
    await this.#discard();
    await this.#running;
  }

  #ask(task: WorkerTask): Promise<WorkerAnswer> {
    if (this.#closed) return Promise.resolve(refuse('unavailable', 'policy compilation was stopped'));
    if (this.#waiting.length >= TASKS_WAITING_MAX) {
      return Promise.resolve(refuse('unavailable', 'too many policy compilations are waiting'));
    }
    const { promise, resolve } = Promise.withResolvers<WorkerAnswer>();
    this.#waiting.push({ task, resolve });
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
    return promise;
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.resolve(await this.#run(next.task));
      if (this.#uses >= this.#usesMax) await this.#discard();
    }
  }

  async #discard(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#uses = 0;
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    setWasmFlags();
    const worker = new Worker(workerUrl, {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB_MAX, stackSizeMb: WORKER_STACK_MB },
    });
    // The product may end while a worker idles.
    worker.unref();
    // A worker that dies is forgotten; the task that it had, if any, learns of it by its own listeners.
    const forget = (): void => {
      if (this.#worker === worker) this.#worker = undefined;
    };
    worker.on('error', forget).on('exit', forget);
    this.#worker = worker;
    return worker;
  }

  async #run(task: WorkerTask): Promise<WorkerAnswer> {
    const worker = this.#start();
    this.#uses += 1;
    this.#sequence += 1;
    const request: WorkerRequest = { sequence: this.#sequence, task };
    const { promise, resolve } = Promise.withResolvers<WorkerAnswer | 'failed' | 'late'>();
    const onMessage = (reply: WorkerReply): void => {
      if (reply.sequence === request.sequence) resolve(reply.answer);
    };
    const onFailure = (): void => resolve('failed');
    const timer = setTimeout(() => resolve('late'), this.#timeoutMs);
    worker.on('message', onMessage).on('error', onFailure).on('exit', onFailure);
    worker.postMessage(request);
    const answer = await promise;
    clearTimeout(timer);
    worker.off('message', onMessage).off('error', onFailure).off('exit', onFailure);
    if (typeof answer === 'object') return answer;
    await worker.terminate();
    if (this.#worker === undefined || this.#worker === worker) await this.#discard();
    return refuse(
      'unavailable',
      answer === 'late' ? `no answer within ${this.#timeoutMs} ms` : 'the Cedar library failed',
    );
  }
}
