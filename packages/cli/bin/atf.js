#!/usr/bin/env node
/**
 * Starts the built command line. It is plain JavaScript for any Node, so that an old one or a missing build is a sentence, not a stack. An old one
 * hands over to the Node that the clone was set up with.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as modules from 'node:module';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
const self = fileURLToPath(import.meta.url);
const interruptedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function isNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

function fail(words) {
  process.stderr.write(`${words}\n`);
  process.exitCode = 1;
}

async function runHere() {
  // In the clone and not in the temporary folder, where others could put something in its place.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL('../../../node_modules/.cache/atf', import.meta.url),
  );
  modules.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { runCli } = await import(main.href);
  process.exitCode = await runCli(process.argv.slice(2));
}

/** The Node that the clone was set up with, if it was. */
async function cloneNode() {
  try {
    const { productNode } = await import(new URL('../../../tools/runtime.mjs', import.meta.url).href);
    return productNode();
  } catch {
    return undefined;
  }
}

function handOver(node) {
  const stdio = process.send === undefined ? 'inherit' : ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio });
  // The terminal reaches the child by itself; what other programs send, or close, is passed on.
  for (const signal of interruptedSignals)
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  if (process.send !== undefined) {
    child.on('message', (message) => process.connected && process.send(message));
    process.on('message', (message) => child.connected && child.send(message));
    process.on('disconnect', () => child.connected && child.disconnect());
  }
  child.once('error', ({ message }) => fail(`atf cannot start ${node}: ${message}`));
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
    if (process.connected) process.disconnect();
  });
}

if (!existsSync(main)) {
  fail('atf is not built yet; run "npm start" or "npm run build" in the clone first.');
} else if (isNewEnough()) {
  await runHere();
} else {
  const node = await cloneNode();
  if (node === undefined)
    fail(
      `atf needs Node 22.18 or newer; this is ${process.versions.node}. Run "npm start" in the clone once: it brings one.`,
    );
  else handOver(node);
}
