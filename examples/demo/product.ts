/**
 * The product that the story is played against: the one that runs in the data directory, if it holds the example workspace with
 * nothing stopped; otherwise one of its own, on free ports in a fresh folder, that is removed afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { dataDirOf, operatorToken, readRunning } from '@atf/cli/place';
import { ControlClient } from '@atf/sdk/client';

export interface Stage {
  readonly dataDir: string;
  readonly controlUrl: string;
  readonly operator: ControlClient;
  readonly own: boolean;
  close(): Promise<void>;
}

const startWithinMs = 90_000;
const stopWithinMs = 20_000;
const cli = resolve(import.meta.dirname, '../../packages/cli/bin/atf.js');

/** Says what it found through `tell`. @throws when a product of its own does not start */
export async function findStage(
  options: { readonly data: string | undefined; readonly own: boolean },
  tell: (text: string) => void,
): Promise<Stage> {
  if (!options.own) {
    const dataDir = dataDirOf(options.data, process.env, process.cwd());
    const running = readRunning(dataDir);
    if (running !== undefined) {
      const operator = operatorOf(dataDir, running.controlUrl);
      const unfit = await whyUnfit(operator);
      if (unfit === undefined) {
        tell(
          `The story is played against the product that runs in ${dataDir}; watch it at ${running.controlUrl}`,
        );
        return {
          dataDir,
          controlUrl: running.controlUrl,
          operator,
          own: false,
          close: () => Promise.resolve(),
        };
      }
      tell(`In ${dataDir} the story cannot be played: ${unfit}`);
    }
  }
  tell('A product of its own is started, on free ports in a folder that is removed afterwards.');
  return startStage();
}

/** The example workspace with all four agents running, or the reason why not. */
async function whyUnfit(operator: ControlClient): Promise<string | undefined> {
  try {
    const { example, containments } = await operator.call('overview');
    if (!example) return 'it does not hold the example workspace.';
    return containments.length > 0 ? 'something is stopped there.' : undefined;
  } catch {
    return 'nothing answers there.';
  }
}

function operatorOf(dataDir: string, controlUrl: string): ControlClient {
  const token = operatorToken(dataDir, controlUrl);
  return new ControlClient({ baseUrl: controlUrl, headers: () => ({ authorization: `Bearer ${token}` }) });
}

async function startStage(): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), 'atf-demo-'));
  const dataDir = join(home, 'data');
  const args = [
    'up',
    '--json',
    '--data',
    dataDir,
    '--key-file',
    join(home, 'atf.key'),
    '--control-port',
    '0',
    '--gateway-port',
    '0',
  ];
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: home,
    // Whatever TLS a person has set up here is for another product.
    env: {
      ...process.env,
      ATF_TLS_CERT: undefined,
      ATF_TLS_KEY: undefined,
      XDG_CONFIG_HOME: join(home, 'config'),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const cleanUp = async () => {
    await stop(child);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const controlUrl = await readyUrl(child);
    return { dataDir, controlUrl, operator: operatorOf(dataDir, controlUrl), own: true, close: cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    const said: string[] = [];
    const timer = setTimeout(
      () => fail(new Error(`the product was not up within ${startWithinMs / 1_000} s`)),
      startWithinMs,
    );
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    child.once('exit', (code) =>
      fail(new Error(`the product ended with exit code ${code}: ${said.join('').slice(-2_000)}`)),
    );
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const message = JSON.parse(line) as { ready?: boolean; controlUrl?: string };
      if (message.ready !== true || message.controlUrl === undefined) return;
      clearTimeout(timer);
      done(message.controlUrl);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(timer);
}
