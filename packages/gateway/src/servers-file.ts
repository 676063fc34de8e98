/**
 * Room: segmentation (S-1). `servers.yaml` in the gateway's directory: what only the host may say about tool servers. Commands of stdio
 * servers stand here and nowhere else; control can name a server, it can never make this machine run something. A file that others may
 * write is refused whole.
 *
 *     back-office:
 *       command: /usr/bin/node
 *       args: [main.ts, --data, /srv/office]
 *       env: { TZ: UTC }
 *     crm:
 *       privateNetwork: true                      # its address may be a private or loopback one
 *       headersFrom: { authorization: CRM_TOKEN } # header → variable of the gateway's environment
 *     atf-service-names:                          # a detector that the settings name, and nobody but the host says where it is
 *       url: https://names.example.com/find
 *     atf-model-tickets:                          # a model that the settings name: its files, and the runtime that was installed for it
 *       files: /srv/models/tickets
 *       runtime: onnxruntime-node
 *       installedIn: /srv/onnx
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { nameSchema } from '@atf/core/wire/words';
import { z } from 'zod';

export const serversFileName = 'servers.yaml';
const bytesMax = 1_048_576;
/** Permission bits that let others write. */
const othersWrite = 0o022;

const text = (max: number) => z.string().min(1).max(max);
/** Relative to nothing. */
const path = text(4_096).refine((name) => isAbsolute(name), 'not an absolute path');

export const hostServerSchema = z.strictObject({
  command: text(4_096).optional(),
  args: z.array(z.string().max(8_192)).max(200).default([]),
  cwd: text(4_096).optional(),
  /** The whole environment of the server: nothing is inherited. */
  env: z.record(text(200), z.string().max(32_768)).default({}),
  privateNetwork: z.boolean().default(false),
  /** Of a service that the gateway itself asks (`atf-service-NAME`); tool servers have their address from control. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional(),
  /** Of a model (`atf-model-NAME`): the folder of model.onnx and tokenizer.json, the package that runs it and the folder in which that was installed. */
  files: path.optional(),
  runtime: z.enum(['onnxruntime-node', 'onnxruntime-web']).optional(),
  installedIn: path.optional(),
  memoryMb: z.int().min(64).max(16_384).optional(),
  headersFrom: z
    .record(z.string().regex(/^[a-z0-9-]{1,64}$/), z.string().regex(/^[A-Z0-9_]{1,128}$/))
    .default({}),
});
export type HostServer = z.infer<typeof hostServerSchema>;

const fileSchema = z.record(nameSchema, hostServerSchema);

export type HostServers =
  | { readonly ok: true; readonly servers: ReadonlyMap<string, HostServer> }
  | { readonly ok: false; readonly problem: string };

/** Reads the text of the file. Pure. */
export function parseServersFile(content: string): HostServers {
  const parsed = parseStrictYaml(content, bytesMax);
  if (!parsed.ok) return { ok: false, problem: `servers.yaml: ${parsed.problem}` };
  const read = fileSchema.safeParse(parsed.value ?? {});
  if (read.success) return { ok: true, servers: new Map(Object.entries(read.data)) };
  const [first] = read.error.issues;
  return { ok: false, problem: `servers.yaml: ${first?.path.join('.') ?? ''} ${first?.code ?? 'invalid'}` };
}

/** Reads the file anew when it has changed. Absent: no server of this host has a command. */
export class ServersFile {
  readonly #file: string;
  #seen = '';
  #servers: HostServers = { ok: true, servers: new Map() };

  constructor(dir: string) {
    this.#file = join(dir, serversFileName);
  }

  read(): HostServers {
    let handle: number | undefined;
    try {
      // Opened first, then looked at: what is checked is what is read.
      handle = openSync(this.#file, constants.O_RDONLY | constants.O_NONBLOCK);
      const { mtimeMs, size, mode, uid } = fstatSync(handle);
      const own = process.getuid?.();
      if (
        process.platform !== 'win32' &&
        ((mode & othersWrite) !== 0 || (own !== undefined && uid !== own && uid !== 0))
      ) {
        return { ok: false, problem: 'servers.yaml can be written by others than the user of the gateway' };
      }
      const seen = `${mtimeMs} ${size}`;
      if (seen !== this.#seen) {
        this.#servers =
          size > bytesMax
            ? { ok: false, problem: 'servers.yaml is too large' }
            : parseServersFile(readFileSync(handle, 'utf8'));
        this.#seen = seen;
      }
      return this.#servers;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, servers: new Map() };
      return { ok: false, problem: 'servers.yaml cannot be read' };
    } finally {
      if (handle !== undefined) closeSync(handle);
    }
  }
}
