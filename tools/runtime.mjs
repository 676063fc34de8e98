/**
 * Finds the Node that runs the product: the pinned one from the platform's package, or the running one when it is new enough
 * (type stripping and the Cedar library need 22.18).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

const [majorMin, minorMin] = [22, 18];

/** Absolute path of the binary. @throws with what to do when there is none */
export function productNode() {
  const pinned = pinnedNode();
  if (pinned !== undefined) return pinned;
  if (isNewEnough(process.versions.node)) return process.execPath;
  throw new Error(
    `ATF runs on Node ${majorMin}.${minorMin} or newer; this is ${process.versions.node}, and no pinned Node fits ` +
      `${process.platform}-${process.arch}. Install a newer Node and try again.`,
  );
}

function pinnedNode() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const suffix = `-${platform}-${process.arch}`;
  for (const name of Object.keys(optionalDependencies ?? {})) {
    if (!/^node-(bin-)?[a-z0-9]+-[a-z0-9]+$/.test(name) || !name.endsWith(suffix)) continue;
    const file = join(root, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    // It is tried, not trusted: the binary for glibc does not run on musl.
    if (existsSync(file) && isNewEnough(versionOf(file))) return file;
  }
  return undefined;
}

function versionOf(file) {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return (stdout ?? '').trim().replace(/^v/, '');
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > majorMin || (major === majorMin && minor >= minorMin);
}
