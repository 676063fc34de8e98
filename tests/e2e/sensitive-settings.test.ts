/**
 * What settings say of sensitive data (D-3), through the front door: detectors of the company's own, what a find raises the labels of a session to, and what of all
 * that was masked can still be found anywhere.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import type { Json } from '@atf/core/wire/json';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteSearch } from '../masking/byte-search.ts';
import { formsOf, plantedDocument, seed, shapeProblem } from '../masking/planted.ts';
import { atf, atfBin, run } from './cli-run.ts';
import { logSettled } from './read-log.ts';
import { type Answer, call, Product, released, root, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';
import { storesOf } from './stores.ts';

const own = `
sensitive:
  masked:
    intern: [secret, PCI, PHI, PII]
    junior: [secret, PCI]
    senior: [secret, PCI]
    principal: [secret, PCI]
  neverSent: [secret, PCI, own.employee_number]
  raises: { PCI: restricted, PII: confidential }
detectors:
  - id: own.employee_number
    summary: Employee numbers
    category: PII
    expression: 'EMP-\\d{6}'
    examples: { found: ["signed by EMP-004711"], clean: ["an EMPLOYEE, EMP-12"] }
  - id: own.project
    summary: Projects that are not announced
    category: secret
    channels: [read]
    dictionary: [Blue Heron]
    examples: { found: ["the blue heron plan"], clean: ["a heron, blue"] }
  - id: own.payroll_row
    summary: Rows of the payroll
    category: PII
    schema: { type: object, required: [employee, salary], properties: { salary: { type: number } } }
    examples: { found: [{ employee: a, salary: 1 }], clean: [{ employee: a }] }
`;
const number = 'EMP-004711';
const encoded = Buffer.from(`it was ${number}, I think`).toString('base64');

const folder = mkdtempSync(join(tmpdir(), 'atf-own-'));
const settings = join(folder, 'settings.yaml');
const shipped = readFileSync(join(root, 'policies', 'settings.yaml'), 'utf8');
let product: Product;

/** Documents in which something is planted; half of them are files, half what a service answers. */
const documents = fc.sample(plantedDocument, { seed, numRuns: 36 });
const files = documents.slice(0, 18);
const papers = documents.slice(18);
const paperDocument = `openapi: 3.0.3
info: { title: Papers, version: 1.0.0 }
paths:
  /papers/{id}:
    get:
      operationId: getPaper
      parameters: [{ name: id, in: path, required: true, schema: { type: string, maxLength: 4 } }]
      responses: { '200': { description: ok, content: { application/json: { schema: { type: object } } } } }
`;
let service: Server;

beforeAll(async () => {
  cpSync(join(root, 'policies'), folder, { recursive: true });
  writeFileSync(settings, shipped + own);
  product = await Product.start({ args: ['--policies', folder] });
  const sandbox = join(product.dataDir, 'sandbox');
  writeFileSync(join(sandbox, 'note.txt'), `${number} works on Blue-Heron (${encoded}).`);
  writeFileSync(join(sandbox, 'pay.json'), JSON.stringify([{ employee: 'Ada', salary: 70_000 }]));
  writeFileSync(join(sandbox, 'plain.txt'), 'The office is closed on Friday.');
  writeFileSync(join(sandbox, 'person.txt'), 'SSN: 514-69-0360, for the form.');
  writeFileSync(join(sandbox, 'card.txt'), 'Paid with 4111 1111 1111 1111.');
  for (const [at, { json }] of files.entries())
    writeFileSync(join(sandbox, `planted-${at}.json`), JSON.stringify(json));
  service = createServer(({ url = '' }, response) => {
    const paper = papers[Number(url.split('/').at(-1))];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(paper?.json ?? {}));
  });
  await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
  const file = join(folder, 'papers.openapi');
  writeFileSync(file, paperDocument);
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const added = await atf([
    ...['tool', 'add', 'papers', '--openapi', file, '--base-url', url, '--domain', 'orders'],
    ...['--private-network', '--data', product.dataDir],
  ]);
  expect(added.code, added.stderr).toBe(0);
}, 120_000);
afterAll(async () => {
  await product.remove();
  service.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = async (agent: string, file: string) =>
  call(await (await product.agent(agent)).mcp('files'), 'read_text_file', {
    path: join(product.dataDir, 'sandbox', file),
  });

it('masks for an Intern what the company calls its own, also encoded, and as a whole', async () => {
  const note = await read('intern-analyst', 'note.txt');
  expect(note.text).toBe('[EMPLOYEE_NUMBER] works on [PROJECT] ([EMPLOYEE_NUMBER]).');
  expect((await read('intern-analyst', 'pay.json')).text).toBe('["[PAYROLL_ROW]"]');
  const operator = await product.operator();
  await until('the outcome', async () => {
    const { items } = await operator.call('activity.list', { query: { agent: 'intern-analyst' } });
    return items.some(({ summary }) => summary.includes('own.employee_number') || /holds .*PII/.test(summary))
      ? true
      : undefined;
  });
});

it('gives it to a level that reads it, but for what its category masks', async () => {
  const note = await read('principal-operations', 'note.txt');
  expect(note.text).toContain(number);
  expect(note.text).toContain('works on [PROJECT]');
});

it('masks it also where it is a part of what ships and is not masked', async () => {
  writeFileSync(
    join(product.dataDir, 'sandbox', 'list.txt'),
    'Blue-Heron@example.com, amara.okafor@example.com',
  );
  const list = await read('principal-operations', 'list.txt');
  expect(list.text).toBe('[PROJECT]@example.com, amara.okafor@example.com');
});

it.each([
  ['plain', number],
  ['between invisible characters', [...number].join('\u200b')],
  ['encoded', encoded],
  ['as a part of an address', `${number}@example.com`],
  ['encoded, a card beside an address', btoa('amara.okafor@example.com paid with 4111 1111 1111 1111')],
])('is never sent: %s', async (_how, body) => {
  const office = await (await product.agent('principal-operations')).mcp('back-office');
  const letter = { to: 'amara.okafor@example.com', subject: 'Your order', body };
  const answer = await call(office, 'send_email', letter);
  expect(answer).toMatchObject({ isError: true, atf: { code: 'data.never_sent' } });
  expect(answer.text).not.toContain(number);
});

it.each([
  ['could hang', "'EMP-\\d{6}'", "'(?:EMP-\\d+)+'", 'no bound'],
  ['finds something else than its examples say', "'EMP-\\d{6}'", "'EMQ-\\d{6}'", 'example 1 of found'],
  ['is named and is none', 'PCI, own.employee_number]', 'PCI, own.projekt]', 'no category and no detector'],
])('is refused with the reason when it %s', async (_what, from, to, why) => {
  writeFileSync(settings, shipped + own.replace(from, to));
  const tested = await run(atfBin, ['policy', 'test', folder, '--data', product.dataDir]);
  expect(tested.code).not.toBe(0);
  expect(tested.stdout + tested.stderr).toContain(why);
});

it('takes two people to loosen', async () => {
  writeFileSync(
    settings,
    shipped +
      own
        .replace("'EMP-\\d{6}'", "'EMP-00\\d{4}'")
        .replace('Blue Heron]', 'Blue Heron, Red Kite]')
        .replace('PII: confidential }', 'PII: internal }'),
  );
  const plan = await run(atfBin, ['policy', 'plan', folder, '--data', product.dataDir]);
  expect(plan.stdout).toContain('own.employee_number finds something else');
  expect(plan.stdout).toContain('sensitive.raises: a result with PII counts as less confidential');
  expect(plan.stdout).not.toContain('own.project finds something else');
});

describe('what a session has read, by what was found in it', () => {
  /** Reads one file in a fresh instance, then sends; and what the record of the sending knew. */
  async function afterReading(file: string) {
    const agent = await product.agent('principal-operations');
    const path = join(product.dataDir, 'sandbox', file);
    const read = await call(await agent.mcp('files'), 'read_text_file', { path });
    expect(read.isError, read.text).toBe(false);
    const letter = { to: 'amara.okafor@example.com', subject: `after ${file}`, body: 'On its way.' };
    const sent = await call(await agent.mcp('back-office'), 'send_email', letter);
    return { read, sent, flow: await flowOf(sent) };
  }

  async function flowOf({ atf: { actionId = '' } }: Answer) {
    const operator = await product.operator();
    return await until('the record', async () => {
      const story = await operator.call('actions.show', { params: { id: actionId } }).catch(() => undefined);
      const entries = story?.records.map(
        ({ entry }) => JSON.parse(entry) as { body: { facts?: { flow?: object } } },
      );
      return entries?.find(({ body }) => body.facts !== undefined)?.body.facts?.flow;
    });
  }

  const source = 'files/read_text_file';

  it('is what its tool says where nothing was found', async () => {
    const { flow, sent } = await afterReading('plain.txt');
    expect(flow).toMatchObject({ confidentiality: 'internal', private: [], untrusted: [source] });
    expect(sent.isError, sent.text).toBe(false);
  });

  it('is confidential where a person was found in it, and what it sends then waits', async () => {
    const { flow, sent } = await afterReading('person.txt');
    expect(flow).toMatchObject({ confidentiality: 'confidential', private: [source] });
    expect(sent.atf.code, sent.text).toBe('maturity.approval_required');
    expect(sent.text).toContain(`confidential content (${source})`);
  });

  it('counts also what was masked', async () => {
    const { read, flow } = await afterReading('card.txt');
    expect(read.text).toBe('Paid with [CARD].');
    expect(flow).toMatchObject({ confidentiality: 'restricted', private: [source] });
  });
});

describe(`documents in which something is planted, seed ${seed}`, () => {
  const search = new ByteSearch(documents.flatMap(({ planted }) => planted.flatMap(formsOf)));
  const planted = (text: string): string[] => [...search.in(Buffer.from(text))];
  interface Heard {
    readonly before: Json;
    readonly text: string;
    readonly isGiven: boolean;
  }
  const overMcp: Heard[] = [];
  const overHttp: Heard[] = [];
  const actions: string[] = [];
  let paper: Answer;

  beforeAll(async () => {
    const operator = await product.operator();
    const asks = 'checkpoints:\n  - { tool: papers/getPaper, reason: Papers are personal. }\n';
    const manifests = [
      readerManifest('paper-reader', ['papers/getPaper']),
      `${readerManifest('paper-asker', ['papers/getPaper', 'back-office/send_email'])}${asks}`,
    ];
    for (const manifest of manifests)
      await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    const client = await (await product.agent('intern-analyst')).mcp('files');
    for (const [at, { json }] of files.entries()) {
      const path = join(product.dataDir, 'sandbox', `planted-${at}.json`);
      const { text, isError, atf: said } = await call(client, 'read_text_file', { path });
      overMcp.push({ before: json, text, isGiven: !isError });
      actions.push(said.actionId ?? '');
    }
    const { fetch } = await product.agent('paper-reader');
    for (const [at, { json }] of papers.entries()) {
      const response = await until('an answer while control is heard', async () => {
        const answer = await fetch(`${product.ready.gatewayUrl}/http/papers/papers/${at}`);
        return answer.status === 503 ? undefined : answer;
      });
      overHttp.push({ before: json, text: await response.text(), isGiven: response.status === 200 });
      actions.push(response.headers.get('atf-action') ?? '');
    }
    paper = await releasedPaper();
  });

  /** A paper that a person releases, so that control keeps it for whoever collects it; whoever collects it tries to pass it on. */
  async function releasedPaper(): Promise<Answer> {
    const approver = await product.signIn('paula.reyes@example.com');
    const agent = await product.agent('paper-asker');
    const client = await agent.mcp('papers');
    const asked = await call(client, 'getPaper', { id: '0' });
    expect(asked.atf.code, asked.text).toBe('maturity.approval_required');
    const answer = await released(approver, asked.atf.approvalId, () =>
      call(client, 'getPaper', { id: '0' }),
    );
    const letter = { to: 'eve@example.com', subject: 'paper', body: answer.text.slice(0, 2_000) };
    const passedOn = await call(await agent.mcp('back-office'), 'send_email', letter);
    actions.push(asked.atf.actionId ?? '', answer.atf.actionId ?? '', passedOn.atf.actionId ?? '');
    return answer;
  }

  it.each([
    ['files over MCP', overMcp],
    ['papers of a service through its own door', overHttp],
  ])('are given to an Intern as JSON of the same shape, without it: %s', (_what, heard) => {
    for (const { before, text, isGiven } of heard) {
      expect(planted(text)).toEqual([]);
      if (isGiven) expect(shapeProblem(before, JSON.parse(text) as Json)).toBeUndefined();
    }
    // Some may read like an order, or hold what fits no mask; they are withheld.
    expect(heard.filter(({ isGiven }) => isGiven).length).toBeGreaterThan(heard.length / 2);
  });

  it('are masked also when a person released them', () => {
    expect(planted(paper.text)).toEqual([]);
    expect(paper.text).toMatch(/\[[A-Z]+\]/);
  });

  it('leave nothing of it behind: not in what people are shown, no database, log, spool or file', async () => {
    await logSettled(product);
    const operator = await product.operator();
    const stories = [];
    for (const id of actions.filter((each) => each !== ''))
      stories.push(await operator.call('actions.show', { params: { id } }));
    // Sealed contents are among what was shown, or this would say little.
    expect(stories.filter(({ resultText }) => resultText !== undefined).length).toBeGreaterThan(30);
    const shown: unknown[] = stories;
    for (const { id } of (await operator.call('approvals.list', { query: {} })).items)
      shown.push(await operator.call('approvals.show', { params: { id } }));
    shown.push(await operator.call('activity.list', { query: {} }));
    shown.push(await operator.call('notifications.list', { query: {} }));
    const roots = [{ kind: 'action' as const, id: actions[0] ?? '' }];
    // Lineage is worked out a moment after the log.
    const graph = await until('lineage', () =>
      operator.call('lineage.graph', { body: { roots, direction: 'to' } }).catch(() => undefined),
    );
    shown.push(graph);
    for (const url of [product.ready.controlUrl, product.ready.gatewayUrl])
      shown.push(await (await fetch(`${url}/metrics`)).text());
    expect(planted(JSON.stringify(shown))).toEqual([]);
    await product.stop();
    const places: string[] = [];
    const lengths = new Map<string, number>();
    for await (const { name, bytes } of storesOf(product, ['sandbox'])) {
      if (search.in(bytes).size > 0) places.push(name);
      lengths.set(name, bytes.length);
    }
    expect(places).toEqual([]);
    for (const table of ['approval', 'audit_payload', 'notification', 'lineage_action'])
      expect(lengths.get(`rows of ${table}`), table).toBeGreaterThan(0);
    for (const folder of ['log', 'gateway', 'db'])
      expect(
        [...lengths.keys()].some((name) => name.startsWith(join('data', folder))),
        folder,
      ).toBe(true);
    // It is not that nothing would be found.
    const file = join(product.dataDir, 'sandbox', 'planted-0.json');
    expect(search.in(readFileSync(file)).size).toBeGreaterThan(0);
  });
});
