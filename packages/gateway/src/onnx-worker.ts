/**
 * Room: data (D-3). The process in which a model of the host runs (onnx-process.ts starts it): it has no environment, writes no files, starts nothing, and reads the model's folder and
 * the runtime alone. The files are read once and held to the digests that the settings pin; what was held to them is what runs.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { AskMessage, FromWorker, LoadMessage, ToWorker } from './onnx-messages.ts';
import { findsIn, type ModelFind, scoresOf, type Window, windowsMax, windowsOf } from './onnx-text.ts';

const modelBytesMax = 1_073_741_824;
const tokenizerBytesMax = 67_108_864;
const modelFile = 'model.onnx';
const tokenizerFile = 'tokenizer.json';

interface Encoded {
  readonly ids: readonly number[];
  readonly attention_mask: readonly number[];
  readonly token_type_ids: readonly number[];
}
interface Tokenizer {
  encode(text: string, options: { return_token_type_ids: true }): Encoded;
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Record<string, unknown>): Promise<Record<string, { readonly data: ArrayLike<number> }>>;
}
interface Runtime {
  readonly env?: { readonly wasm?: { numThreads?: number } };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

/** Why it cannot be asked, in words for whoever looks after the host. */
class Problem extends Error {}

const inputOf: Readonly<Record<string, (encoded: Encoded) => readonly number[]>> = {
  input_ids: ({ ids }) => ids,
  attention_mask: ({ attention_mask }) => attention_mask,
  token_type_ids: ({ token_type_ids }) => token_type_ids,
};

const wordsOf = (fault: unknown): string =>
  (fault instanceof Error ? fault.message : 'unknown fault').slice(0, 300);
const problem = (words: string) => (fault: unknown) => {
  throw fault instanceof Problem ? fault : new Problem(`${words}: ${wordsOf(fault)}`);
};

/** The bytes of a file, which are the pinned ones. */
function pinned(folder: string, name: string, bytesMax: number, digest: string): Buffer {
  const file = join(folder, name);
  let handle: number | undefined;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(handle);
    if (!stat.isFile() || stat.size > bytesMax)
      throw new Problem(`${file} is no file of at most ${bytesMax} bytes`);
    const bytes = readFileSync(handle);
    const is = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (is !== digest)
      throw new Problem(
        `${file} is not the one that the settings pin: it is ${is}. Put the pinned file back, or have people confirm settings with this digest`,
      );
    return bytes;
  } catch (fault) {
    return problem(`${file} cannot be read`)(fault);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

class Model {
  readonly #load: LoadMessage['load'];
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #tokenizer: Tokenizer;
  dropped = -1;

  private constructor(load: LoadMessage['load'], runtime: Runtime, session: Session, tokenizer: Tokenizer) {
    this.#load = load;
    this.#runtime = runtime;
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  static async load(load: LoadMessage['load']): Promise<Model> {
    const { files, digests, tokenizerModule, runtimeModule, tokens } = load;
    const bytes = pinned(files, modelFile, modelBytesMax, digests.model);
    const words = pinned(files, tokenizerFile, tokenizerBytesMax, digests.tokenizer).toString('utf8');
    const runtime = ((): Runtime => {
      try {
        return createRequire(runtimeModule)(runtimeModule) as Runtime;
      } catch (fault) {
        return problem(`the runtime ${runtimeModule} cannot be loaded`)(fault);
      }
    })();
    // One thread: other calls of this host want to run, too.
    if (runtime.env?.wasm !== undefined) runtime.env.wasm.numThreads = 1;
    const { Tokenizer } = createRequire(tokenizerModule)(tokenizerModule) as {
      Tokenizer: new (json: object, config: object) => Tokenizer;
    };
    const tokenizer = await (async () => new Tokenizer(JSON.parse(words) as object, {}))().catch(
      problem('tokenizer.json cannot be used'),
    );
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };
    const session = await runtime.InferenceSession.create(bytes, options).catch(
      problem('model.onnx cannot be loaded'),
    );
    const unknown = session.inputNames.filter((name) => inputOf[name] === undefined);
    if (unknown.length > 0 || !session.inputNames.includes('input_ids'))
      throw new Problem(
        `model.onnx wants ${session.inputNames.join(', ')}: a text classifier wants input_ids, and at most attention_mask and token_type_ids beside it`,
      );
    const model = new Model(load, runtime, session, tokenizer);
    // As long as any window may be: what the model cannot take is known before it is asked.
    const long = 'text '.repeat(tokens);
    const [first = { start: 0, end: 0 }] = model.#windows(long);
    await model
      .#numbers(long.slice(first.start, first.end))
      .catch(problem(`model.onnx does not answer about ${tokens} tokens at a time`));
    return model;
  }

  #windows(text: string): Window[] {
    const count = (part: string) => this.#encoded(part).ids.length;
    return windowsOf(text, count, this.#load.tokens);
  }

  #encoded(text: string): Encoded {
    return this.#tokenizer.encode(text, { return_token_type_ids: true });
  }

  /** One window at a time: what it comes to does not depend on what else is asked about. */
  async #numbers(text: string): Promise<readonly number[]> {
    const encoded = this.#encoded(text);
    const { Tensor } = this.#runtime;
    const inputs = Object.fromEntries(
      this.#session.inputNames.map((name) => {
        const numbers = BigInt64Array.from(inputOf[name]?.(encoded) ?? [], BigInt);
        return [name, new Tensor('int64', numbers, [1, numbers.length])];
      }),
    );
    const { outputNames } = this.#session;
    const [output = ''] = outputNames.includes('logits') ? ['logits'] : outputNames;
    const answers = await this.#session.run(inputs);
    const numbers = Array.from(answers[output]?.data ?? []);
    const { classes, scores } = this.#load;
    if (numbers.length !== classes.length)
      throw new Error(
        `it answers with ${numbers.length} numbers, and the settings name ${classes.length} classes`,
      );
    return scoresOf(numbers, scores);
  }

  /** Undefined: nobody waits any more. */
  async finds({ ask, question, labels, threshold }: AskMessage): Promise<ModelFind[] | undefined> {
    const { texts } = JSON.parse(question) as { texts: string[] };
    const found: ModelFind[] = [];
    let left = windowsMax;
    for (const [at, text] of texts.entries()) {
      const windows = this.#windows(text);
      left -= windows.length;
      if (left < 0) throw new Error('there are too many windows');
      const scored = [];
      for (const window of windows) {
        // A word that it need not go on is heard here.
        await setImmediate();
        if (this.dropped === ask) return undefined;
        scored.push({ ...window, scores: await this.#numbers(text.slice(window.start, window.end)) });
      }
      const { classes } = this.#load;
      found.push(...findsIn(text, at, scored, { classes, labels, threshold }));
    }
    return found;
  }
}

const tell = (message: FromWorker, then: () => void = () => undefined): void => {
  process.send?.(message, () => then());
};
const megabytes = () => Math.round(process.memoryUsage.rss() / 1_048_576);

let model: Model | undefined;
async function heard(message: ToWorker): Promise<void> {
  if ('load' in message) {
    model = await Model.load(message.load);
    tell({ ready: true });
  } else if ('drop' in message) {
    if (model !== undefined) model.dropped = message.drop;
  } else {
    const found = await model?.finds(message).catch(() => undefined);
    tell({ answered: message.ask, ...(found && { found }), rssMb: megabytes() });
  }
}

// A process without its gateway answers nobody.
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  heard(message as ToWorker).catch((fault: unknown) =>
    tell({ problem: wordsOf(fault) }, () => process.exit(1)),
  );
});
