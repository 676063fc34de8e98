/**
 * The stop file of the gateway's host: a stop that works with control down. The gateway looks ten times a second; it stops
 * everything when it cannot read or understand the file, so the file is replaced whole, never written in place.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { purposeScopeId } from '@atf/core/incident/containment';
import { canName } from '@atf/core/incident/scope-id';
import { type Scope, scopeSchema } from '@atf/core/wire/words';
import { z } from 'zod';
import { CliFailure, exitCodes } from './exit-codes.ts';

const stopFileSchema = z.strictObject({
  scopes: z.array(scopeSchema).max(1_000),
  since: z.string(),
  reason: z.string().max(500),
});
type StopFileContent = z.infer<typeof stopFileSchema>;

export const stopFileOf = (dataDir: string): string => join(dataDir, 'gateway', 'stop');

/** Adds a stop to the file; returns it. Agents may be named: the gateway knows their ids. @throws CliFailure on words it cannot take */
export function writeStopFile(
  dataDir: string,
  kind: string,
  name: string | undefined,
  reason: string,
): string {
  const scope = scopeOf(kind, name);
  const file = stopFileOf(dataDir);
  const earlier = readScopes(file).filter((each) => !isSame(each, scope));
  replace(file, {
    scopes: [...earlier, scope],
    since: new Date().toISOString(),
    reason: reason.slice(0, 500),
  });
  return file;
}

const isSame = (one: Scope, other: Scope): boolean => one.kind === other.kind && one.id === other.id;

function replace(file: string, stop: StopFileContent): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, JSON.stringify(stop), { mode: 0o600 });
  renameSync(draft, file);
}

/** A scope of the file as people type it. */
export const scopeWords = ({ kind, id }: Scope): string => (kind === 'fleet' ? kind : `${kind} ${id}`);

/**
 * Takes one stop out of the file, and the file away with the last one; returns what is still stopped. @throws CliFailure when the file does not
 * hold it: another stop must not end because somebody named the wrong one
 */
export function liftStop(
  dataDir: string,
  kind: string,
  name: string | undefined,
): { readonly file: string; readonly left: readonly Scope[] } {
  const scope = scopeOf(kind, name);
  const file = stopFileOf(dataDir);
  if (!existsSync(file))
    throw new CliFailure(exitCodes.refused, `There is no stop file ${file}`, {
      code: 'containment.not_stopped',
    });
  const held = readScopes(file);
  const left = held.filter((each) => !isSame(each, scope));
  if (left.length === held.length)
    throw new CliFailure(exitCodes.refused, `The stop file does not hold ${scopeWords(scope)}`, {
      code: 'containment.not_stopped',
      help: `${file} holds: ${held.map(scopeWords).join(', ')}. Name one of these.`,
    });
  if (left.length === 0) rmSync(file);
  // Only what was understood gets here with something left, so that time and reason are there.
  else replace(file, { ...stopFileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))), scopes: left });
  return { file, left };
}

function scopeOf(kind: string, name: string | undefined): Scope {
  if (kind === 'owner' && name?.includes('@') === true) {
    throw new CliFailure(exitCodes.usage, 'Without control nobody knows who has that e-mail address', {
      help: 'Name the id of the person, or stop the fleet.',
    });
  }
  const said = kind === 'purpose' && name !== undefined ? purposeScopeId(name) : name;
  const parsed = scopeSchema.safeParse({ kind, id: kind === 'fleet' ? '*' : said });
  if (!parsed.success || !canName(parsed.data))
    throw new CliFailure(exitCodes.usage, `Cannot stop ${kind} ${name ?? ''}`.trim(), {
      help: 'Say agent NAME, version NAME@VERSION, session ID, purpose WORDS, owner ID, tool server/tool, or fleet.',
    });
  return parsed.data;
}

/** A file that cannot be understood already stops everything; it is replaced by what is asked for now together with the fleet. */
function readScopes(file: string): Scope[] {
  if (!existsSync(file)) return [];
  try {
    return stopFileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).scopes;
  } catch {
    return [{ kind: 'fleet', id: '*' }];
  }
}
