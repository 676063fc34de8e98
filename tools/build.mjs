/**
 * Builds what has changed: the packages with the native compiler (it keeps its own record and is incremental), the console with
 * Vite. Stamps in node_modules hold digests over path, size and time of every input; equal digests mean nothing to do.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './root.mjs';

const stamps = join(root, 'node_modules', '.atf-built');
const libraries = ['core', 'control', 'gateway', 'sdk', 'cli'];

const targets = [
  {
    name: 'packages',
    inputs: [
      'tsconfig.json',
      'tsconfig.base.json',
      ...libraries.flatMap((name) => [`packages/${name}/src`, `packages/${name}/tsconfig.json`]),
    ],
    outputs: libraries.map((name) => `packages/${name}/dist/.tsbuildinfo`),
    says: 'Building the packages',
    command: ['node_modules/typescript-native/bin/tsc', '-b'],
  },
  {
    name: 'database',
    inputs: [
      ...readdirSync(join(root, 'packages/control/src'), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `packages/control/src/${name}/migrations.ts`),
      'packages/control/src/db',
    ],
    outputs: ['packages/control/dist/empty-db.tar'],
    says: 'Making the empty database',
    command: ['packages/control/dist/db/make-snapshot.js'],
  },
  {
    name: 'console',
    inputs: ['packages/console', 'packages/core/src/wire', 'packages/core/src/errors.ts', 'packages/sdk/src'],
    outputs: ['packages/console/dist/index.html'],
    says: 'Building the console',
    command: ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn', 'packages/console'],
  },
];

/** Fast: stats of a few hundred files. */
export function isBuilt() {
  return targets.every(isUpToDate);
}

/** To be called under the set-up lock. @throws when a build fails */
export async function build(node) {
  for (const target of targets) {
    if (isUpToDate(target)) continue;
    const digest = digestOf(target);
    rmSync(stampOf(target), { force: true });
    for (const output of target.outputs.filter((each) => !existsSync(join(root, each)))) {
      // A record without its output would make the compiler believe that there is nothing to do.
      if (output.endsWith('.tsbuildinfo'))
        rmSync(dirname(join(root, output)), { recursive: true, force: true });
    }
    process.stderr.write(`${target.says} …\n`);
    await run(node, target.command, target.says);
    mkdirSync(stamps, { recursive: true });
    writeFileSync(stampOf(target), digest);
  }
}

const stampOf = (target) => join(stamps, target.name);

function isUpToDate(target) {
  return (
    existsSync(stampOf(target)) &&
    target.outputs.every((each) => existsSync(join(root, each))) &&
    readFileSync(stampOf(target), 'utf8') === digestOf(target)
  );
}

function digestOf(target) {
  const hash = createHash('sha256').update(target.command.join(' '));
  // The installed compiler and libraries are inputs as well; the lock file names them all.
  for (const input of [...target.inputs, 'package-lock.json']) addTo(hash, input);
  return hash.digest('hex');
}

function addTo(hash, path) {
  const full = join(root, path);
  const stat = statSync(full, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    if (!/\.test\.tsx?$/.test(path)) hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\0`);
    return;
  }
  for (const name of readdirSync(full).sort()) {
    if (name !== 'dist' && name !== 'node_modules') addTo(hash, `${path}/${name}`);
  }
}

function run(node, command, says) {
  return new Promise((resolve, reject) => {
    // Standard output is kept for the command that the person asked for.
    const child = spawn(node, command, { cwd: root, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${says} failed; the messages are above`)),
    );
  });
}
