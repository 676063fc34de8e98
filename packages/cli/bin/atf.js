#!/usr/bin/env node
// Starts the built command line. It is plain JavaScript, so that an old Node or a missing build is a sentence, not a stack.
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/main.js', import.meta.url);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `atf needs Node 22.18 or newer; this is ${process.versions.node}. In the clone, "npx atf" and "npm run atf --" use the pinned one.\n`,
  );
  process.exitCode = 1;
} else if (!existsSync(main)) {
  process.stderr.write('atf is not built yet; run "npm start" or "npm run build" in the clone first.\n');
  process.exitCode = 1;
} else {
  // In the clone and not in the temporary folder, where others could put something in its place.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL('../../../node_modules/.cache/atf', import.meta.url),
  );
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { runCli } = await import(main.href);
  process.exitCode = await runCli(process.argv.slice(2));
}
