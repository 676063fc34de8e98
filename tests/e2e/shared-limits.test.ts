/**
 * Rates that agents share (S-3) and data of another domain for a time (S-1), through the front door: all agents of one owner, and everybody who calls one tool, come out of one budget; another
 * domain counts from Senior on and until its last day.
 */
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { ceilingShownText } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostClock, libfaketime } from './host-clock.ts';
import { call, Product, root, type Signed, until } from './product.ts';

const dir = mkdtempSync(join(tmpdir(), 'atf-shared-'));
const clock = libfaketime === undefined ? undefined : new HostClock(dir);
if (clock === undefined)
  process.stderr.write(
    'SKIPPED: that another domain ends with its last day, because libfaketime is not installed (apt-get install libfaketime).\n',
  );

let product: Product;
let operator: ControlClient;
let security: Signed;

beforeAll(async () => {
  product = await Product.start(clock === undefined ? {} : { env: clock.env });
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
}, 120_000);
afterAll(async () => {
  clock?.restore();
  await product?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const office = async (name: string): Promise<Client> => (await product.agent(name)).mcp('back-office');
const read = async (client: Client, tool = 'get_order') =>
  (await call(client, tool, tool === 'get_order' ? { order_id: 'O-5001' } : { limit: 1 })).atf.code ?? 'done';

/** Puts more settings into force; tightening takes one person. */
async function apply(more: string): Promise<void> {
  const folder = mkdtempSync(join(dir, 'policies-'));
  cpSync(join(root, 'policies'), folder, { recursive: true });
  const file = join(folder, 'settings.yaml');
  const text = readFileSync(file, 'utf8').replace(/^callsShared: \{\}$/m, '');
  rmSync(file);
  appendFileSync(file, `${text}\n${more}`);
  const names = [
    ...readdirSync(folder).filter((each) => /\.(?:cedar|cedarschema|yaml)$/.test(each)),
    ...readdirSync(join(folder, 'cases')).map((each) => `cases/${each}`),
  ];
  const files = names.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const { version: base } = await operator.call('policy.show');
  const { id, shownDigest, loosens } = await operator.call('policy.propose', {
    body: { base, files, reason: 'shared limits' },
  });
  expect(loosens).toEqual([]);
  const presence = await security.presence({ kind: 'policy', id, digest: shownDigest });
  await security.client.call('policy.confirm', { params: { id }, body: { shownDigest, presence } });
  await product.heard('senior-support');
}

describe('data of another domain', () => {
  const lastDay = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  const withOther = async (name: string) => {
    const before = await readFile(join(root, `examples/workspace/agents/${name}.yaml`), 'utf8');
    const manifest = before
      .replace(/^version: .*$/m, 'version: 9.0.0')
      .replace(/^dataDomains: .*$/m, 'dataDomains: [customers, finance]')
      .concat(`\notherDomains:\n  - { domain: orders, because: Tells where it is, until: "${lastDay}" }\n`);
    const { id, ceiling, manifestDigest } = await operator.call('agents.register', {
      body: { manifest, format: 'yaml' },
    });
    // More than before: it works as Intern until somebody who answers for security has looked at it.
    expect(ceiling).toBe('intern');
    const reason = 'looked at';
    const change = { agentId: id, manifestDigest, from: 'intern', to: 'none', reason } as const;
    const digest = sha256(ceilingShownText(change));
    const presence = await security.presence({ kind: 'level', id, digest });
    await security.client.call('agents.ceiling', {
      params: { id },
      body: { ceiling: 'none', reason, presence },
    });
    await product.heard(name);
  };

  it('is there from Senior on, and not for a Junior', async () => {
    await withOther('senior-support');
    await withOther('junior-support');
    expect(await read(await office('senior-support'))).toBe('done');
    expect(await read(await office('junior-support'))).toBe('segmentation.out_of_domain');
  });

  it.skipIf(clock === undefined)('is over after its last day', async () => {
    clock?.set(3 * 86_400);
    const client = await until('an agent that is served', () =>
      office('senior-support').catch(() => undefined),
    );
    await until('the end', () =>
      read(client).then(
        (code) => (code === 'segmentation.out_of_domain' ? true : undefined),
        () => undefined,
      ),
    );
    clock?.set(0);
  });
});

describe('rates that agents share', () => {
  it('all agents of one owner, and all who call one tool, come out of one budget', async () => {
    await until('control to be heard', async () =>
      product
        .heard('intern-analyst')
        .then(() => true as const)
        .catch(() => undefined),
    );
    await apply(
      'callsShared:\n  owner: { max: 12, perSeconds: 3600 }\n  tools:\n    back-office/list_orders: { max: 4, perSeconds: 3600 }\n',
    );
    const clients = await Promise.all(['intern-analyst', 'principal-operations'].map(office));
    const all = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => read(clients[at % 2] as Client, 'list_orders')),
    );
    expect(all.filter((code) => code === 'done')).toHaveLength(4);
    expect(all.filter((code) => code === 'segmentation.rate_exceeded')).toHaveLength(4);
    const more = await Promise.all(
      Array.from({ length: 24 }, async (_, at) => read(clients[at % 2] as Client)),
    );
    // Both have one owner; what was refused above held nothing.
    const done = more.filter((code) => code === 'done').length;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThanOrEqual(8);
    expect(await read(clients[0] as Client)).toBe('segmentation.rate_exceeded');
  });
});
