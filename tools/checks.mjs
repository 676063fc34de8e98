/**
 * Everything that is checked: build, formatting, types, lint, and all tests; at the end one plain line, `N passed, N failed`.
 * Each check counts like a test. What was skipped is printed by name: an absent data set never passes silently.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { build } from './build.mjs';
import { memoryFolder } from './memory-folder.mjs';
import { root } from './root.mjs';
import { withSetupLock } from './setup-lock.mjs';

const tsc = 'node_modules/typescript-native/bin/tsc';
const staticChecks = [
  { name: 'lint', argv: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  {
    name: 'formatting',
    argv: ['node_modules/@biomejs/biome/bin/biome', 'format', '.'],
    fix: 'npm run format',
  },
  { name: 'types', argv: [tsc, '-p', 'tsconfig.check.json'] },
  { name: 'types of the console', argv: [tsc, '-p', 'packages/console'] },
];

/** Resolves with the exit code. */
export async function check(node) {
  const tally = { passed: 0, failed: 0 };
  await runChecks(node, tally);
  process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed\n`);
  return tally.failed === 0 ? 0 : 1;
}

/** As `check`, with build and tests; `args` are handed to vitest (files, -t name). */
export async function test(node, args) {
  const tally = { passed: 0, failed: 0 };
  const built = await step('build', () => withSetupLock(() => build(node)).then(() => 0, told), tally);
  // The first tests are of parts alone, which mind no neighbour: the checks are over before a product is started.
  const [tests] = await Promise.all([
    built
      ? runTests(node, args)
      : { passed: 0, failed: 0, skipped: [], broken: ['no test ran: the build failed'] },
    runChecks(node, tally),
  ]);
  for (const each of tests.broken) process.stdout.write(`FAILED: ${each}\n`);
  for (const each of tests.skipped) process.stdout.write(`SKIPPED: ${each}\n`);
  const passed = tally.passed + tests.passed;
  const failed = tally.failed + tests.failed;
  const skipped = tests.skipped.length === 0 ? '' : `, ${tests.skipped.length} skipped`;
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped}\n`);
  return failed === 0 && built ? 0 : 1;
}

function told(error) {
  process.stdout.write(`${error.message}\n`);
  return 1;
}

/** The lint takes longer than all the others: they run beside it. */
async function runChecks(node, tally) {
  const inTurn = async (checks) => {
    for (const { name, argv, fix } of checks) await step(name, () => exec(node, argv), tally, fix);
  };
  const [lint, ...others] = staticChecks;
  await Promise.all([inTurn([lint]), inTurn(others)]);
}

async function step(name, work, tally, fix) {
  const startMs = performance.now();
  const passed = (await work()) === 0;
  tally[passed ? 'passed' : 'failed']++;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  process.stdout.write(
    `${passed ? 'ok' : 'FAILED'}: ${name} (${seconds} s)${!passed && fix !== undefined ? `; try: ${fix}` : ''}\n`,
  );
  return passed;
}

async function runTests(node, args) {
  const folder = mkdtempSync(join(tmpdir(), 'atf-test-'));
  const file = join(folder, 'results.json');
  const memory = process.env.TMPDIR === undefined ? memoryFolder() : undefined;
  try {
    const argv = [
      // One process holds many databases in a row: what V8 keeps of pages with their code goes wrong now and then (nodejs/node issue 64500).
      '--no-wasm-code-gc',
      '--no-memory-protection-keys',
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...args,
    ];
    const code = await exec(node, argv, memory === undefined ? {} : { TMPDIR: memory });
    if (!existsSync(file))
      return { passed: 0, failed: 1, skipped: [], broken: ['vitest ended without results'] };
    return readResults(JSON.parse(readFileSync(file, 'utf8')), code);
  } finally {
    for (const each of [folder, memory])
      if (each !== undefined) rmSync(each, { recursive: true, force: true });
  }
}

/** Counts from vitest's JSON report; a file that could not run, and an error outside every test, count as failures. */
export function readResults(report, exitCode) {
  const skipped = [];
  const broken = [];
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    const name = relative(root, file.name);
    for (const result of file.assertionResults) {
      if (result.status === 'passed') passed++;
      else if (result.status === 'failed') failed++;
      else skipped.push(`${name}: ${[...result.ancestorTitles, result.title].join(' > ')}`);
    }
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      failed++;
      broken.push(`${name} could not run: ${(file.message ?? '').split('\n')[0]}`);
    }
  }
  if (exitCode !== 0 && failed === 0) {
    failed++;
    broken.push(
      `vitest ended with exit code ${exitCode} although no test failed: an error outside the tests, or no tests at all`,
    );
  }
  return { passed, failed, skipped, broken };
}

function exec(node, argv, more = {}) {
  const env = {
    ...process.env,
    ...more,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
  };
  return new Promise((resolve, reject) => {
    const child = spawn(node, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
