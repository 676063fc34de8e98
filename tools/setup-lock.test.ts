/** Several set-ups at once, as real processes over a copy of the lock: never two inside, and a dead owner's lock is broken. */
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'atf-lock-'));
const tools = join(folder, 'tools');
const lockFile = join(folder, '.setup.lock');
const trail = join(folder, 'trail');
mkdirSync(tools);
for (const name of ['root.mjs', 'setup-lock.mjs'])
  copyFileSync(join(import.meta.dirname, name), join(tools, name));
writeFileSync(
  join(tools, 'enter.mjs'),
  `import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { withSetupLock } from './setup-lock.mjs';
await withSetupLock(async () => {
  appendFileSync(process.argv[2], 'in\\n');
  await pause(30);
  appendFileSync(process.argv[2], 'out\\n');
});
`,
);
afterEach(() => rmSync(trail, { force: true }));

const enter = () =>
  new Promise<number | null>((resolve) => {
    spawn(process.execPath, [join(tools, 'enter.mjs'), trail], { stdio: 'ignore' }).once('exit', resolve);
  });
const expectOneByOne = (times: number) => expect(readFileSync(trail, 'utf8')).toBe('in\nout\n'.repeat(times));

it('lets one in at a time, and leaves nothing behind', async () => {
  expect(await Promise.all(Array.from({ length: 5 }, enter))).toEqual([0, 0, 0, 0, 0]);
  expectOneByOne(5);
  expect(existsSync(lockFile)).toBe(false);
});

it('breaks the lock of a process that is gone, once', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(lockFile, String(pid));
  expect(await Promise.all(Array.from({ length: 5 }, enter))).toEqual([0, 0, 0, 0, 0]);
  expectOneByOne(5);
});
