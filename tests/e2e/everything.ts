/** The server with everything behind the gateway, twice: as an elder one over stdio, and as one of 2026-07-28 over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AskKind } from '@atf/core/wire/words';
import { type Product, replaceFile, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const script = fileURLToPath(new URL('./everything-server.mjs', import.meta.url));
export const everythingServers = ['elder-everything', 'modern-everything'] as const;
/** Tools of the scenarios about tasks, which run long; all but the first wait for a person. */
export const jobTools = [
  'greet',
  'slow_compute',
  'failing_job',
  'protocol_error_job',
  'confirm_delete',
  'multi_input',
  'test_tool_with_task',
];
export type EverythingServer = (typeof everythingServers)[number];

type Seen = { message: { method?: string; params?: Record<string, unknown>; result?: unknown } };

export class Everything {
  readonly #dir: string;
  #http: ChildProcess | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Registers both, and has each of their tools count as reading. */
  async register(product: Product): Promise<void> {
    const [elder, modern] = everythingServers;
    this.#http = spawn(process.execPath, [script, '--http', '--dir', this.#dir], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const portFile = join(this.#dir, 'port');
    const port = await until('the server to listen', () =>
      existsSync(portFile) ? readFileSync(portFile, 'utf8') || undefined : undefined,
    );
    const args = JSON.stringify([script, '--dir', this.#dir]);
    appendFileSync(
      join(product.dataDir, 'gateway', 'servers.yaml'),
      `\n${elder}:\n  command: ${JSON.stringify(process.execPath)}\n  args: ${args}\n${modern}:\n  privateNetwork: true\n`,
    );
    const operator = await product.operator();
    const facts = { domain: 'orders', outputTrust: 'trusted' } as const;
    const url = `http://127.0.0.1:${port}/mcp`;
    await operator.call('servers.add', { body: { name: elder, transport: { kind: 'stdio' }, ...facts } });
    await operator.call('servers.add', {
      body: { name: modern, transport: { kind: 'http', url }, ...facts },
    });
    for (const { server, name } of await this.#found(product))
      await operator.call('tools.classify', {
        params: { server, name },
        body: { class: 'read', sensitivity: 'public', domain: 'orders' },
      });
  }

  /** Registers an agent that was granted all of it but the jobs. */
  async agent(product: Product, name: string): Promise<void> {
    await this.#grant(product, name, (tool) => !jobTools.includes(tool));
  }

  /** Registers an agent that was granted the jobs, each of which waits for a person. */
  async overseen(product: Product, name: string): Promise<void> {
    const waits = (tool: string) => tool !== jobTools[0];
    await this.#grant(product, name, (tool) => jobTools.includes(tool), waits);
  }

  async #grant(
    product: Product,
    name: string,
    granted: (tool: string) => boolean,
    waits: (tool: string) => boolean = () => false,
  ): Promise<void> {
    const found = (await this.#found(product)).filter((tool) => granted(tool.name));
    const idOf = (tool: { server: string; name: string }) => JSON.stringify(`${tool.server}/${tool.name}`);
    const checkpoints = found
      .filter((tool) => waits(tool.name))
      .map((tool) => `\n  - { tool: ${idOf(tool)}, reason: a person looks at it }`);
    const manifest = readerManifest(name, found.map(idOf));
    const body = {
      manifest: checkpoints.length === 0 ? manifest : `${manifest}checkpoints:${checkpoints.join('')}\n`,
      format: 'yaml',
    } as const;
    await (await product.operator()).call('agents.register', { body });
  }

  async allow(product: Product, mayAsk: AskKind[]): Promise<void> {
    const operator = await product.operator();
    for (const name of everythingServers)
      await operator.call('servers.mayAsk', { params: { name }, body: { mayAsk } });
  }

  /** Both servers say that something changed. */
  change(what: 'tools' | 'updated'): void {
    replaceFile(join(this.#dir, 'change'), `${what} ${Math.random()}`);
  }

  /** What both were sent, oldest first. */
  seen(): Seen[] {
    const file = join(this.#dir, 'seen.log');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Seen);
  }

  stop(): void {
    this.#http?.kill('SIGKILL');
  }

  async #found(product: Product) {
    const operator = await product.operator();
    return await until(
      'the servers to be discovered',
      async () => {
        const { items } = await operator.call('tools.list');
        const found = items.filter(({ server }) => everythingServers.some((name) => name === server));
        return everythingServers.every((name) => found.some(({ server }) => server === name))
          ? found
          : undefined;
      },
      30_000,
    );
  }
}
