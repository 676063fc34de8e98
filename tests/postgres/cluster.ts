/**
 * A real PostgreSQL for the tests: a cluster of its own in a folder for temporary files, on a random loopback port, stopped and removed afterwards.
 * The binaries are Debian's (`apt-get install postgresql`), or those that `pg_config` names. PostgreSQL refuses to run as root, so root lends it
 * the system's `postgres` user.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@atf/cli/up/free-port';

const installed = '/usr/lib/postgresql';
const startMs = 30_000;

/** Folder of the newest `initdb` and `postgres` of this machine; undefined when there is none. */
export function postgresBinaries(): string | undefined {
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(installed, version, 'bin'));
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** Numbers of the system's `postgres` user when this process is root; nothing otherwise. */
function lentUser(): { readonly uid: number; readonly gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const number = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: number('-u'), gid: number('-g') };
}

export interface Cluster {
  /** Address of its `postgres` database, as the superuser. */
  readonly url: string;
  stop(): Promise<void>;
}

/** With `keptIn`, the cluster of that folder, made when there is none, and still there afterwards. */
export async function startCluster(keptIn?: string): Promise<Cluster> {
  const binaries = postgresBinaries();
  if (binaries === undefined) throw new Error('PostgreSQL is not installed');
  const user = lentUser();
  const folder = keptIn ?? mkdtempSync(join(tmpdir(), 'atf-postgres-'));
  if (keptIn !== undefined) mkdirSync(keptIn, { recursive: true, mode: 0o700 });
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = { ...user, cwd: folder, stdio: 'pipe' as const };
  const initdb = ['-D', data, '-U', 'atf', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  if (!existsSync(join(data, 'PG_VERSION'))) execFileSync(join(binaries, 'initdb'), initdb, options);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    max_connections: 200,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(binaries, 'postgres'), ['-D', data, ...flags], {
    ...user,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    // "Fast" shutdown: sessions are ended, what is committed stays.
    server.kill('SIGINT');
    await ended;
    if (keptIn === undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(server.stderr);
  } catch (fault) {
    await stop();
    throw fault;
  }
  return { url: `postgresql://atf@127.0.0.1:${port}/postgres`, stop };
}

/** Resolves when the server says that it takes connections. */
function ready(log: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(
      () => reject(new Error(`PostgreSQL did not start: ${said.slice(-500)}`)),
      startMs,
    );
    log.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-10_000);
      if (!said.includes('ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
    log.once('end', () => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ended: ${said.slice(-500)}`));
    });
  });
}
