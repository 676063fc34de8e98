/**
 * The independent checker (checker/main.go): built with Debian's Go from Debian's sources of golang.org/x/mod, without network. Undefined where either is not
 * installed; `.ci/run` installs both.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const goPath = '/usr/share/gocode';
const source = fileURLToPath(new URL('checker', import.meta.url));
const buildWithinMs = 240_000;
const checkWithinMs = 60_000;

export const checkerHelp =
  'SKIPPED: the log was not held to an independent implementation, because Go or its sources are not installed (apt-get install golang-go golang-golang-x-mod-dev).\n';

export function hasGo(): boolean {
  const { status } = spawnSync('go', ['version'], { stdio: 'ignore', timeout: checkWithinMs });
  return status === 0 && existsSync(join(goPath, 'src/golang.org/x/mod/sumdb/tlog'));
}

export interface Checked {
  readonly ok: boolean;
  /** Its line of facts, or what it says is wrong. */
  readonly says: string;
}
export type Checker = (...args: readonly string[]) => Checked;

/** Builds it; the caller removes `folder` afterwards. */
export function buildChecker(): { readonly check: Checker; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'atf-checker-'));
  const binary = join(folder, 'checker');
  const cache =
    process.env.GOCACHE ?? fileURLToPath(new URL('../../node_modules/.cache/go', import.meta.url));
  mkdirSync(cache, { recursive: true });
  execFileSync('go', ['build', '-o', binary, '.'], {
    cwd: source,
    // Sources as packages of a distribution, not as modules: nothing is fetched.
    env: { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOFLAGS: '', GOPROXY: 'off', GOCACHE: cache },
    timeout: buildWithinMs,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const check: Checker = (...args) => {
    const ran = spawnSync(binary, args, { encoding: 'utf8', timeout: checkWithinMs });
    return { ok: ran.status === 0, says: (ran.status === 0 ? ran.stdout : ran.stderr).trim() };
  };
  return { check, folder };
}
