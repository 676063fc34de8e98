/**
 * The servers file of the gateway's host (S-1): which command starts a stdio tool server, and which private addresses are granted. It
 * is written here, on the host, by somebody who may write the data directory; commands never travel over the API. Comments and other
 * entries of the file are kept.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { z } from 'zod';
import { CliFailure, exitCodes } from './exit-codes.ts';

const commandSchema = z.array(z.string().min(1).max(4_096)).min(1).max(64);

export interface HostEntry {
  /** Command line as a JSON list of words. */
  readonly command?: string;
  readonly privateNetwork?: boolean;
}

/** Adds or replaces what the host says about one server; returns the file. @throws CliFailure on words or a file that cannot be used */
export function writeHostEntry(dataDir: string, name: string, entry: HostEntry): string {
  const [command, ...args] = entry.command === undefined ? [] : readCommand(entry.command);
  const folder = join(dataDir, 'gateway');
  const file = join(folder, 'servers.yaml');
  const document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : '{}\n');
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new CliFailure(exitCodes.refused, `${file} is not a servers file`, {
      help: 'Correct it by hand; nothing was changed.',
    });
  }
  document.contents.flow = false;
  if (command !== undefined) {
    document.setIn([name, 'command'], command);
    document.setIn([name, 'args'], args);
  }
  if (entry.privateNetwork === true) document.setIn([name, 'privateNetwork'], true);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, document.toString(), { mode: 0o600 });
  renameSync(draft, file);
  return file;
}

function readCommand(text: string): string[] {
  try {
    return commandSchema.parse(JSON.parse(text));
  } catch {
    throw new CliFailure(exitCodes.usage, '--cmd is not a JSON list of words', {
      help: `For example: --cmd '["/usr/bin/node", "/opt/crm/server.js"]'`,
    });
  }
}
