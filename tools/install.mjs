/**
 * Installs the dependencies when they are not the ones of package-lock.json. The stamp inside node_modules holds the digest of the
 * lock file; without it, npm's own record of the tree decides, so that a tree that somebody installed by hand is not replaced.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

const modules = join(root, 'node_modules');
const stampFile = join(modules, '.atf-installed');

const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');

/** Fast: one read and one digest. */
export function isInstalled() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockDigest();
}

/** To be called under the set-up lock. @throws when npm fails */
export async function install() {
  if (isInstalled()) return;
  if (!treeFits()) {
    process.stderr.write(
      `${existsSync(modules) ? 'package-lock.json has changed: installing' : 'Installing'} dependencies (npm ci) …\n`,
    );
    await npmCi();
  }
  writeFileSync(stampFile, lockDigest());
}

/** Whether npm's record of the installed tree names every package that the lock file wants here, and every workspace's command. */
function treeFits() {
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path.startsWith('node_modules/') && !entry.optional && !entry.devOptional) {
      if (installed[path]?.version !== entry.version || !existsSync(join(root, path))) return false;
    } else if (path !== '' && !path.includes('node_modules/')) {
      for (const command of Object.keys(entry.bin ?? {})) {
        if (
          !existsSync(join(modules, '.bin', command)) &&
          !existsSync(join(modules, '.bin', `${command}.cmd`))
        )
          return false;
      }
    }
  }
  return true;
}

function npmCi() {
  // Development and optional packages are needed to build and to run, whatever the machine's npm configuration leaves out.
  const options = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--progress=false',
  ];
  const viaNpm = process.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const [command, ...before] = viaNpm;
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...before, ...options], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: command === 'npm' && process.platform === 'win32',
    });
    child.once('error', () => reject(new Error('npm was not found; install Node.js 20 or newer with npm')));
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`npm ci failed (exit code ${code}); its message is above`)),
    );
  });
}
