#!/usr/bin/env node
/**
 * The one entry behind every npm script: sets up what is missing (dependencies, build), then runs the real thing on the pinned
 * Node. Plain JavaScript without dependencies, for any Node from 20 on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { root } from './root.mjs';
import { productNode } from './runtime.mjs';
import { withSetupLock } from './setup-lock.mjs';

const usage = `Usage: node tools/run.mjs COMMAND [options]

  start [options]   run ATF: control plane, gateway, console (options of 'atf up': --data DIR, --control-port N, …)
  demo              play the story of four agents and tell what happened
  atf ARGS          the command line (also: npx atf ARGS)
  test [files]      everything that is checked, then one line: N passed, N failed
  check             formatting, types and lint only
  bench             measure, and write bench/results
  bench:agentdojo   run recorded attacks and benign tasks through the pipeline (--data, --classification, --json)
  train             train the models for injection and toxicity (--data, --seed, --only, --dry)
  bench:detectors   run the detectors of sensitive data over labelled texts (--data, --json)
  build             install and build, nothing else
`;

const nodeMajorMin = 20;
const demo = 'examples/demo/main.ts';
const bench = 'bench/run.ts';
const agentDojo = 'bench/agentdojo.ts';
const training = 'tools/train/main.ts';
const detectors = 'bench/detectors.ts';
const cli = 'packages/cli/bin/atf.js';

const commands = {
  start: (node, args) => run(node, [join(root, cli), 'up', ...args]),
  demo: (node, args) => run(node, [join(root, demo), ...args]),
  atf: (node, args) => run(node, [join(root, cli), ...args]),
  bench: (node, args) => run(node, [join(root, bench), ...args]),
  'bench:agentdojo': (node, args) => run(node, [join(root, agentDojo), ...args]),
  train: (node, args) => run(node, [join(root, training), ...args]),
  'bench:detectors': (node, args) => run(node, [join(root, detectors), ...args]),
  build: async () => 0,
  check: async (node) => (await import('./checks.mjs')).check(node),
  test: async (node, args) => (await import('./checks.mjs')).test(node, args),
};

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
    process.stderr.write(
      `ATF needs Node ${nodeMajorMin} or newer to set itself up; this is ${process.versions.node}.\n`,
    );
    return 1;
  }
  return command(await setUp(name), args);
}

/** Installs and builds what is missing; answers in milliseconds when nothing is. */
async function setUp(name) {
  if (!isInstalled()) await withSetupLock(install);
  const node = productNode();
  // Checks run over the sources and must be able to say what is wrong with them; `test` builds as its first step.
  if (name !== 'check' && name !== 'test' && !isBuilt()) await withSetupLock(() => build(node));
  return node;
}

/** Runs it in the foreground: signals of the terminal reach it by itself, others are passed on, its exit code is ours. */
function run(node, argv) {
  if (!existsSync(argv[0])) throw new Error(`${argv[0]} is missing from this clone`);
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
  };
  return new Promise((resolve, reject) => {
    // The channel closes when this process dies, however it dies; what it started then ends too.
    const child = spawn(node, argv, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...env, ATF_PARENT_CHANNEL: '1' },
    });
    const passOn = (signal) => child.kill(signal);
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', passOn);
    process.on('SIGHUP', passOn);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
