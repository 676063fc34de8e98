/** `atf witness` as a process of its own, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { atfBin } from './cli-run.ts';

const startWithinMs = 30_000;

export class WitnessProcess {
  readonly url: string;
  readonly vkey: string;
  readonly name: string;
  /** What it said, document by document. */
  readonly said: Record<string, unknown>[];
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, said: Record<string, unknown>[]) {
    this.child = child;
    this.said = said;
    const { url, vkey, name } = said[0] as { url: string; vkey: string; name: string };
    this.url = url;
    this.vkey = vkey;
    this.name = name;
  }

  /** Resolves when it answers. `port` 0: any. */
  static async start(dir: string, name: string, logVkey: string, port = 0): Promise<WitnessProcess> {
    const args = [
      atfBin,
      'witness',
      '--json',
      '--dir',
      dir,
      '--name',
      name,
      '--log',
      logVkey,
      '--port',
      String(port),
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const errors: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
    const said: Record<string, unknown>[] = [];
    await new Promise<void>((done, fail) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(new Error(`no witness within ${startWithinMs} ms: ${errors.join('')}`));
      }, startWithinMs);
      child.once('exit', (code) => {
        clearTimeout(timer);
        fail(new Error(`the witness ended with ${code}: ${errors.join('')}`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        said.push(JSON.parse(line) as Record<string, unknown>);
        clearTimeout(timer);
        done();
      });
    });
    return new WitnessProcess(child, said);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with the exit code when it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = new Promise<number | null>((done) => this.child.once('exit', done));
    this.child.kill(signal);
    return ended;
  }
}
