/**
 * Where things are: the data directory, the running product in it, the host operator's token, and the folder for agents' keys.
 * Nothing is created here.
 */
import { crossesInClear } from '@atf/core/identity/loopback';
import type { AgentKeyHome } from './key-store.ts';
import { constants, existsSync, lstatSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliFailure, exitCodes } from './exit-codes.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const controlPortDefault = 7780;
export const gatewayPortDefault = 7781;
export const dataDirName = '.atf';
const runningFile = 'running.json';
const operatorTokenFile = 'operator.token';
const fileBytesMax = 65_536;

/** What `atf up` writes into the data directory while it runs. */
export interface Running {
  readonly pid: number;
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  readonly startedAt: string;
  /** Process ids of the planes. */
  readonly planes: { readonly control: number; readonly gateway: number };
}

/** Permission bits that let others write. */
const othersWrite = 0o022;

/**
 * Whether a folder that was only found, not named, is this user's own. In a folder above that others may write into, a planted one could name another
 * control, whose answers and whose token would then be taken for ours.
 */
function isOwn(folder: string): boolean {
  if (process.platform === 'win32') return true;
  const { uid, mode } = lstatSync(folder);
  const directory = (mode & constants.S_IFMT) === constants.S_IFDIR;
  return directory && uid === process.getuid?.() && (mode & othersWrite) === 0;
}

/**
 * `--data`, ATF_DATA_DIR, the nearest `.atf` from here upwards, or `.atf` here. @throws CliFailure when the nearest one is a link, belongs to somebody
 * else, or others may write into it
 */
export function dataDirOf(option: string | undefined, env: Environment, cwd: string): string {
  const named = option ?? env.ATF_DATA_DIR;
  if (named !== undefined && named !== '') return resolve(cwd, named);
  for (let folder = cwd; ; folder = dirname(folder)) {
    const candidate = join(folder, dataDirName);
    if (existsSync(candidate)) {
      if (isOwn(candidate)) return candidate;
      throw new CliFailure(exitCodes.usage, `${candidate} is not only yours, so it is not used`, {
        help: 'It is a link, belongs to another user, or others may write into it. Name the data directory with --data, or correct it (chmod go-w).',
      });
    }
    if (dirname(folder) === folder) return join(cwd, dataDirName);
  }
}

export const runningFileOf = (dataDir: string): string => join(dataDir, runningFile);

export function readRunning(dataDir: string): Running | undefined {
  const parsed = readJson(runningFileOf(dataDir));
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { pid, controlUrl, gatewayUrl, startedAt, planes } = parsed as Partial<Running>;
  if (typeof pid !== 'number' || typeof controlUrl !== 'string' || typeof gatewayUrl !== 'string')
    return undefined;
  return {
    pid,
    controlUrl,
    gatewayUrl,
    startedAt: startedAt ?? '',
    planes: planes ?? { control: 0, gateway: 0 },
  };
}

/** `--control`, ATF_CONTROL_URL, what runs in the data directory, or the default address. @throws CliFailure on a bad address */
export function controlUrlOf(option: string | undefined, env: Environment, dataDir: string): string {
  const named =
    option ??
    env.ATF_CONTROL_URL ??
    readRunning(dataDir)?.controlUrl ??
    `http://localhost:${controlPortDefault}`;
  if (!URL.canParse(named) || !/^https?:$/.test(new URL(named).protocol)) {
    throw new CliFailure(exitCodes.usage, `Not an http address: ${named}`, {
      help: 'Give one like http://localhost:7780 with --control.',
    });
  }
  return named.replace(/\/+$/, '');
}

/** @throws CliFailure when what is said to this address would cross a network in clear, and nobody allowed it */
export function refuseInClear(url: string, allowed: boolean): void {
  if (allowed || !crossesInClear(url)) return;
  throw new CliFailure(exitCodes.usage, `${url} would be spoken to without TLS`, {
    code: 'identity.plain_http_refused',
    help: 'Use its https address, with --ca where its certificate is of an authority of your own; or say --plain-http.',
  });
}

/** The host operator's token. @throws CliFailure when there is none, or when the address would get it in clear over a network */
export function operatorToken(dataDir: string, controlUrl: string): string {
  if (crossesInClear(controlUrl)) {
    throw new CliFailure(exitCodes.usage, "The host operator's token would cross the network in clear", {
      help: 'Use an https address, or run this on the host of control.',
    });
  }
  const token = readBounded(join(dataDir, operatorTokenFile))?.trim();
  if (token === undefined || token === '') {
    throw new CliFailure(exitCodes.unreachable, `There is no ATF in ${dataDir} (no ${operatorTokenFile})`, {
      help: 'Start it with "npm start", or name its data directory with --data.',
    });
  }
  return token;
}

/** Where agents' keys are kept, outside the clone and the data directory: ATF_CONFIG_DIR, or the system's place for such things. */
export function configDirOf(env: Environment): string {
  if (env.ATF_CONFIG_DIR !== undefined && env.ATF_CONFIG_DIR !== '') return resolve(env.ATF_CONFIG_DIR);
  if (process.platform === 'win32' && env.APPDATA !== undefined) return join(env.APPDATA, 'atf');
  return join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config'), 'atf');
}

/** Agents' keys there, and what opens them: `ATF_AGENT_KEY`, or a file in the system's place for state. */
export function agentKeyHomeOf(env: Environment): AgentKeyHome {
  const configDir = configDirOf(env);
  const moved = env.ATF_CONFIG_DIR !== undefined && env.ATF_CONFIG_DIR !== '';
  const local = process.platform === 'win32' ? env.LOCALAPPDATA : env.XDG_STATE_HOME;
  const state = moved
    ? `${configDir}-state`
    : join(local ?? join(env.HOME ?? homedir(), '.local', 'state'), 'atf');
  return { configDir, fromEnvironment: env.ATF_AGENT_KEY, keyFile: join(state, 'agent-keys.key') };
}

/** A small text file, or undefined when it cannot be read. */
export function readBounded(file: string): string | undefined {
  try {
    const bytes = readFileSync(file);
    return bytes.length <= fileBytesMax ? bytes.toString('utf8') : undefined;
  } catch {
    return undefined;
  }
}

export function readJson(file: string): unknown {
  try {
    return JSON.parse(readBounded(file) ?? '');
  } catch {
    return undefined;
  }
}
