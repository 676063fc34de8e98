/**
 * One plane as a child process. It gets its own process group, so that Ctrl-C of the terminal reaches the supervisor alone and the
 * planes end in order; it ends by itself when the channel to the supervisor closes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { LogFile } from './log-file.ts';

const lastWordsWithinMs = 500;

export type PlaneName = 'control' | 'gateway';

export interface PlaneSpec {
  readonly name: PlaneName;
  /** Script of the plane. */
  readonly module: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Called for every message; gives the answer to send, if any, or what a `ready` message says. */
  readonly onMessage: (message: unknown) => Promise<object | undefined> | object | undefined;
  /** Sent as soon as the process listens to messages, if anything. */
  readonly firstMessage?: object;
}

/** What a plane says when it is up, or when it cannot start. */
export interface ReadyMessage {
  readonly ready: true;
  readonly url: string;
  /** Of a gateway: whether it has heard all it needs to serve. */
  readonly serving?: boolean;
  /** Of control: a one-time link for the host operator. */
  readonly signInUrl?: string;
  /** Of control, while the embedded gateway is not enrolled. */
  readonly gatewayJoinToken?: string;
}

/** A plane ended before it was ready. `words` are its own last ones. */
export class PlaneFailed extends Error {
  readonly plane: PlaneName;
  readonly code: string | undefined;
  readonly words: string;

  constructor(plane: PlaneName, words: string, code?: string) {
    super(words === '' ? `${plane} ended before it was up` : words);
    this.plane = plane;
    this.code = code;
    this.words = words;
  }
}

export class Plane {
  readonly name: PlaneName;
  /** Resolves once when the process is gone, whatever the reason. */
  readonly gone: Promise<void>;
  private readonly child: ChildProcess;
  private readonly log: LogFile;
  private failure: { readonly code: string; readonly words: string } | undefined;
  private readonly readyMessage: Promise<ReadyMessage>;

  constructor(spec: PlaneSpec) {
    this.name = spec.name;
    this.log = new LogFile(spec.logFile);
    this.child = fork(spec.module, [...spec.argv], {
      env: spec.env as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      execArgv: ['--max-semi-space-size=64'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => this.log.write(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.log.write(chunk));
    this.gone = this.ended();
    this.readyMessage = this.listen(spec);
    // Whoever does not wait for readiness learns of the end by `gone`.
    this.readyMessage.catch(() => undefined);
    if (spec.firstMessage !== undefined) this.send(spec.firstMessage);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @throws PlaneFailed when it ends before, or is not ready within the bound */
  async ready(withinMs: number): Promise<ReadyMessage> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new PlaneFailed(this.name, `${this.name} was not up within ${withinMs / 1_000} s`)),
        withinMs,
      );
    });
    try {
      return await Promise.race([this.readyMessage, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks it to end by closing the channel; by force after the bound. Resolves with whether force was needed. */
  async stop(withinMs: number): Promise<boolean> {
    if (this.child.connected) this.child.disconnect();
    let forced = false;
    const timer = setTimeout(() => {
      forced = true;
      this.kill();
    }, withinMs);
    await this.gone;
    clearTimeout(timer);
    return forced;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  lastWords(): string {
    return this.failure?.words ?? this.log.lastWords();
  }

  /** The end of the process, and then its last words: not the event `close`, which does not come after a disconnect. */
  private async ended(): Promise<void> {
    const { stdout, stderr } = this.child;
    const drained = Promise.all([closed(stdout), closed(stderr)]);
    await new Promise<void>((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
    // A tool server that outlives its gateway may hold the pipe; nobody waits for that.
    await Promise.race([drained, pause(lastWordsWithinMs)]);
    this.log.close();
  }

  private send(message: object): void {
    // A process that ends meanwhile is noticed by its end, not by a message that did not reach it.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private listen(spec: PlaneSpec): Promise<ReadyMessage> {
    return new Promise((resolve, reject) => {
      this.child.on('message', (message: unknown) => {
        if (isReady(message)) resolve(message);
        const failed = failureOf(message);
        if (failed !== undefined) this.failure = failed;
        void Promise.resolve(spec.onMessage(message)).then(
          (answer) => (answer === undefined ? undefined : this.send(answer)),
          () => undefined,
        );
      });
      void this.gone.then(() =>
        reject(new PlaneFailed(this.name, this.lastWords(), this.failure?.code ?? this.log.lastCode())),
      );
    });
  }
}

function closed(stream: Readable | null): Promise<void> {
  return stream === null
    ? Promise.resolve()
    : new Promise((resolve) => stream.once('close', () => resolve()));
}

function isReady(message: unknown): message is ReadyMessage {
  return (
    typeof message === 'object' &&
    message !== null &&
    'ready' in message &&
    message.ready === true &&
    'url' in message
  );
}

function failureOf(message: unknown): { code: string; words: string } | undefined {
  if (typeof message !== 'object' || message === null || !('problem' in message)) return undefined;
  const { code, title, detail, help } = message.problem as Partial<
    Record<'code' | 'title' | 'detail' | 'help', unknown>
  >;
  if (typeof code !== 'string') return undefined;
  const words = [title, detail, help].filter(
    (part): part is string => typeof part === 'string' && part !== '',
  );
  return { code, words: words.map((part) => part.replace(/\.$/, '')).join('. ') };
}
