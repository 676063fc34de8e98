/**
 * Room: incident. A stop that works without control: the file `stop` in the gateway's directory. A file that cannot be read or
 * understood stops everything. It is read synchronously: when the disk hangs, nothing else runs either.
 */
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { canName, versionScopeId } from '@atf/core/incident/scope-id';
import { type ContainmentDoc, type StopFileReport, stopFileShownMax } from '@atf/core/wire/feed';
import { parseStrict } from '@atf/core/wire/json';
import { isoTimeSchema, type Scope, scopeSchema, uuidSchema } from '@atf/core/wire/words';
import { z } from 'zod';

export const stopFileName = 'stop';
export const stopFilePollMs = 100;
const bytesMax = 65_536;
const scopesMax = 1_000;

const stopFileSchema = z.strictObject({
  scopes: z.array(scopeSchema).min(1).max(scopesMax),
  since: isoTimeSchema,
  reason: z.string().max(500),
});

const author = 'stop file of the gateway host';

/** What a stop file says. Pure. `agentIdOf` finds the id of an agent that is named; what names nothing stops everything. */
export function readStopFile(
  bytes: Uint8Array,
  nowMs: number,
  agentIdOf: (name: string) => string | undefined,
): ContainmentDoc[] {
  const parsed = parseStrict(bytes, { bytesMax, depthMax: 4, valuesMax: 4 * scopesMax });
  const read = parsed.ok ? stopFileSchema.safeParse(parsed.value) : undefined;
  if (read?.success !== true) return [everything(nowMs, 'The stop file cannot be understood.')];
  const { scopes, since, reason } = read.data;
  return scopes.map((scope) => ({
    scope: understood(scope, agentIdOf) ?? { kind: 'fleet', id: '*' },
    state: 'killed',
    since,
    reason,
    by: author,
  }));
}

/** The scope in the words of documents; undefined when nothing could ever be stopped by it, which is not what somebody wrote it for. */
function understood(scope: Scope, agentIdOf: (name: string) => string | undefined): Scope | undefined {
  if (!canName(scope)) return undefined;
  const idOf = (ref: string) => (uuidSchema.safeParse(ref).success ? ref : agentIdOf(ref));
  switch (scope.kind) {
    case 'agent': {
      const id = idOf(scope.id);
      return id === undefined ? undefined : { kind: 'agent', id };
    }
    case 'version': {
      const at = scope.id.indexOf('@');
      const id = idOf(scope.id.slice(0, at));
      return id === undefined
        ? undefined
        : { kind: 'version', id: versionScopeId(id, scope.id.slice(at + 1)) };
    }
    default:
      return scope;
  }
}

function everything(nowMs: number, reason: string): ContainmentDoc {
  return {
    scope: { kind: 'fleet', id: '*' },
    state: 'killed',
    since: new Date(nowMs).toISOString(),
    reason,
    by: author,
  };
}

/** What control is told of it, so that people see the stop; undefined when there is none. Pure. */
export function stopFileReport(stops: readonly ContainmentDoc[]): StopFileReport | undefined {
  const [first] = stops;
  if (first === undefined) return undefined;
  const { since, reason } = first;
  // An agent that was named has a longer id: what control would not take must not cost the gateway its feed.
  const scopes = stops.flatMap(({ scope }) => (scopeSchema.safeParse(scope).success ? [scope] : []));
  scopes.sort((a, b) => Number(b.kind === 'fleet') - Number(a.kind === 'fleet'));
  const shown = scopes.slice(0, stopFileShownMax);
  return { scopes: shown, more: stops.length - shown.length, since, reason };
}

export interface StopFileInput {
  readonly dir: string;
  readonly nowMs: () => number;
  readonly agentIdOf: (name: string) => string | undefined;
  /** Called in the tick in which the file was found changed, with what it stopped before. */
  readonly onStops: (stops: readonly ContainmentDoc[], before: readonly ContainmentDoc[]) => void;
}

export class StopFile {
  readonly #input: StopFileInput;
  #timer: NodeJS.Timeout | undefined;
  #watcher: FSWatcher | undefined;
  #last = '[]';
  #stops: readonly ContainmentDoc[] = [];

  constructor(input: StopFileInput) {
    this.#input = input;
  }

  start(): void {
    this.look();
    this.#timer = setInterval(() => this.look(), stopFilePollMs);
    try {
      this.#watcher = watch(this.#input.dir, (_, name) => {
        if (name === stopFileName || name === null) this.look();
      });
      // Watching only makes it faster: polling goes on without it.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  look(): void {
    const stops = this.#read();
    // Without the time of reading: a file that stays malformed is one stop, not a new one with every look.
    const text = JSON.stringify(stops.map(({ scope, reason }) => [scope, reason]));
    if (text === this.#last) return;
    this.#last = text;
    const before = this.#stops;
    this.#stops = stops;
    this.#input.onStops(stops, before);
  }

  #read(): ContainmentDoc[] {
    const { dir, nowMs, agentIdOf } = this.#input;
    const file = join(dir, stopFileName);
    try {
      if (statSync(file).size > bytesMax) return [everything(nowMs(), 'The stop file cannot be understood.')];
      return readStopFile(readFileSync(file), nowMs(), agentIdOf);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      return [everything(nowMs(), 'The stop file cannot be read.')];
    }
  }
}
