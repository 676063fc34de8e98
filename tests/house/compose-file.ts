/** compose.yaml as Docker Compose reads it: variables put in, anchors merged, into what each service runs with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from './source-files.ts';

const words = z.array(z.string());
const bind = z.strictObject({
  type: z.literal('bind'),
  source: z.string(),
  target: z.string(),
  read_only: z.literal(true),
  bind: z.strictObject({ create_host_path: z.literal(false) }),
});
/** What is not named here is not understood by the tests, and refused. */
const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  user: z.string(),
  profiles: words.optional(),
  restart: z.literal('unless-stopped'),
  init: z.literal(true),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  pids_limit: z.int().positive(),
  logging: z.unknown(),
  tmpfs: words,
  shm_size: z.string().optional(),
  stop_grace_period: z.string(),
  networks: words,
  depends_on: z.union([words, z.record(z.string(), z.unknown())]).optional(),
  command: words.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: words.default([]),
  volumes: z.array(z.union([z.string(), bind])),
  ports: words.default([]),
  healthcheck: z.strictObject({
    test: z.tuple([z.literal('CMD')], z.string()),
    interval: z.string(),
    timeout: z.string(),
    retries: z.int(),
    start_period: z.string(),
  }),
});
const fileSchema = z.strictObject({
  name: z.literal('atf'),
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

export type ComposeService = z.output<typeof serviceSchema>;
export type ComposeFile = z.output<typeof fileSchema>;

export const composeText = readFileSync(join(root, 'compose.yaml'), 'utf8');

/** Names of the variables that the file takes from `.env`. */
export const composeVariables = [
  ...new Set([...composeText.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name ?? '')),
].sort();

/** `${NAME:-otherwise}` and `${NAME:+instead}`: the two forms that the file uses. @throws RangeError on any other */
function withVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\{([A-Z0-9_]+):([-+])([^${}]*)\}|.?)/g, (form, name, sign, words) => {
    if (name === undefined) throw new RangeError(`not understood in compose.yaml: ${form}`);
    const value = variables[name as string] ?? '';
    if (sign === '+') return value === '' ? '' : (words as string);
    return value === '' ? (words as string) : value;
  });
}

/** The file is read first and variables are put in afterwards, as Compose does it: no value of theirs changes the shape of the file. */
function everywhere(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return withVariables(value, variables);
  if (Array.isArray(value)) return value.map((each) => everywhere(each, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, everywhere(each, variables)]));
}

export function readCompose(variables: Readonly<Record<string, string>> = {}): ComposeFile {
  const read = parse(composeText, { merge: true }) as Record<string, unknown>;
  // What begins with x- is there to be named elsewhere in the file.
  const said = Object.entries(read).filter(([key]) => !key.startsWith('x-'));
  return fileSchema.parse(everywhere(Object.fromEntries(said), variables));
}
