#!/usr/bin/env node
// Starts the built command line. It is plain JavaScript, so that an old Node or a missing build is a sentence, not a stack.
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';

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
  enableCompileCache();
  const { runCli } = await import(main.href);
  process.exitCode = await runCli(process.argv.slice(2));
}
