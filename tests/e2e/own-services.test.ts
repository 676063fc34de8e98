/**
 * A service of the company that finds what no expression does, and a model of its own that the gateway's host runs (D-3), through the front door: names are masked, also behind an
 * encoding; whatever is wrong with the service or the model, nothing passes that it should have looked at.
 */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '@atf/cli/up/free-port';
import { writeTinyModel } from '../../packages/gateway/src/onnx-tiny.fixture.ts';
import { answerTo } from '../../examples/detectors/names.mjs';
import { atfBin, run } from './cli-run.ts';
import { type Answer, call, callOnce, Product, replaceFile, root, until, wasUnheard } from './product.ts';

const folder = mkdtempSync(join(tmpdir(), 'atf-services-'));
const codeword = 'heliotrope';
const modelFiles = join(folder, 'model');
const digests = writeTinyModel(modelFiles, codeword);
const own = `
sensitive:
  masked:
    intern: [secret, PCI, own.names, own.places, own.plans]
    junior: [secret, PCI]
    senior: [secret, PCI]
    principal: [secret, PCI]
  neverSent: [secret, PCI]
detectors:
  - id: own.names
    summary: Names of customers
    category: PII
    service: names
    timeoutMs: 2000
    labels: [PERSON]
  - id: own.places
    summary: Where customers live
    category: PII
    channels: [read]
    service: places
    timeoutMs: 10000
    labels: [PLACE]
  - id: own.plans
    summary: Plans that are not announced
    category: secret
    model: plans
    digests: { model: "${digests.model}", tokenizer: "${digests.tokenizer}" }
    classes: [calm, plan]
    labels: [plan]
    timeoutMs: 5000
`;
const customer = 'Ximena Quispe';
const placeOf = 'Lake Quispe';
/** Another service, which finds places, and once a place in somebody's name. */
const findsPlaces = (body: string): string => {
  const { texts } = JSON.parse(body) as { texts: string[] };
  const found = texts.flatMap((text, at) =>
    [placeOf, 'Quispe'].flatMap((place) => {
      const start = [...text.slice(0, text.indexOf(place))].length;
      return text.includes(place) ? [{ text: at, start, end: start + place.length, label: 'PLACE' }] : [];
    }),
  );
  return JSON.stringify({ found });
};
const asked: { body: string; key: string | undefined }[] = [];
/** What the service says; undefined: nothing, ever. */
type Says = (body: string) => string | undefined;
const good: Says = (body) => answerTo([customer], body);
let says: Says = good;
let status = 200;
async function answers(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  if (request.url === '/places') return void response.end(findsPlaces(body));
  asked.push({ body, key: request.headers.authorization });
  const answer = says(body);
  if (answer !== undefined) response.writeHead(status, { location: '/' }).end(answer);
}
const service = createServer((request, response) => void answers(request, response));

const settings = join(folder, 'settings.yaml');
const shipped = readFileSync(join(root, 'policies', 'settings.yaml'), 'utf8');
let product: Product;
interface LogLine {
  readonly model?: string;
  readonly pid?: number;
  readonly problem?: string;
}
/** What the gateway says of models. */
const news = (): LogLine[] =>
  readFileSync(join(product.dataDir, 'logs', 'gateway.log'), 'utf8')
    .split('\n')
    .flatMap((line) => (line.includes('"model":"plans"') ? [JSON.parse(line) as LogLine] : []));
/** The process in which the model runs; of the news after so many. */
const readyAfter = (count: number): Promise<number> =>
  until('the model to be loaded', () => news().slice(count).find(isReady)?.pid, 60_000);
const isReady = ({ problem }: LogLine): boolean => problem === undefined;
const problemAfter = (count: number): Promise<string> =>
  until(
    'the gateway to say what is wrong',
    () =>
      news()
        .slice(count)
        .find(({ problem }) => problem)?.problem,
  );
let pid = 0;
beforeAll(async () => {
  cpSync(join(root, 'policies'), folder, { recursive: true });
  writeFileSync(settings, shipped + own);
  await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
  const { port } = service.address() as AddressInfo;
  product = await Product.start({
    args: ['--policies', folder],
    env: { TEST_NAMES_KEY: 'Bearer of-the-names' },
  });
  appendFileSync(
    join(product.dataDir, 'gateway', 'servers.yaml'),
    `\natf-service-names: { url: "http://127.0.0.1:${port}/find", privateNetwork: true, headersFrom: { authorization: TEST_NAMES_KEY } }
atf-service-places: { url: "http://127.0.0.1:${port}/places", privateNetwork: true }
atf-model-plans: { files: "${modelFiles}", runtime: onnxruntime-web, installedIn: "${root}" }\n`,
  );
  pid = await readyAfter(0);
}, 120_000);
beforeEach(() => {
  says = good;
  status = 200;
});
afterAll(async () => {
  await product.remove();
  service.closeAllConnections();
  service.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = async (agent: string, file: string) =>
  call(await (await product.agent(agent)).mcp('files'), 'read_text_file', {
    path: join(product.dataDir, 'sandbox', file),
  });

const note = (name: string, text: string) => writeFileSync(join(product.dataDir, 'sandbox', name), text);
const order = (body: string) => ({ to: 'amara.okafor@example.com', subject: 'Your order', body });
const letter = async (body: string) =>
  await call(
    await (await product.agent('principal-operations')).mcp('back-office'),
    'send_email',
    order(body),
  );

describe('a service of the company', () => {
  it('finds what is masked, also encoded, at the address and with the key that the host gives it', async () => {
    const hidden = Buffer.from(`It was ${customer}, yesterday`).toString('base64');
    note('names.txt', `🙂 ${customer} paid (${hidden}).`);
    const { text } = await read('intern-analyst', 'names.txt');
    expect(text).toBe('🙂 [NAMES] paid ([NAMES]).');
    expect(asked.at(-1)?.key).toBe('Bearer of-the-names');
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toMatchObject({ detector: 'own.names' });
    expect((await read('principal-operations', 'names.txt')).text).toContain(customer);
    expect((await letter(`Dear ${customer}`)).isError).toBe(false);
  });

  it.each<[string, Says, number]>([
    ['never answers', () => undefined, 200],
    ['answers something else', () => '{"names":[]}', 200],
    ['finds what is not there', () => '{"found":[{"text":0,"start":5,"end":100000}]}', 200],
    ['answers without end', () => `{"found":[],"more":"${'x'.repeat(2_000_000)}"}`, 200],
    ['sends it elsewhere', good, 302],
    ['fails', () => '{"found":[]}', 500],
  ])('that %s: nothing is read or sent that it should have looked at', async (_how, how, code) => {
    note('names.txt', `${customer} paid.`);
    says = how;
    status = code;
    const seen = await read('intern-analyst', 'names.txt');
    expect(seen).toMatchObject({ isError: true, atf: { code: 'data.masked_invalid' } });
    expect(seen.text).not.toContain(customer);
    // One bad answer more would have it left alone for a while, as one that is dead is.
    says = good;
    status = 200;
    expect((await read('intern-analyst', 'names.txt')).text).toBe('[NAMES] paid.');
    says = how;
    status = code;
    const sent = await letter('Your order is on its way');
    expect(sent.isError).toBe(true);
    says = good;
    status = 200;
    expect((await letter('Your order is on its way')).isError).toBe(false);
  });

  it('beside another one: places and names that overlap are masked once, each as what was found first', async () => {
    note('places.txt', `${customer} lives at ${placeOf}, Bolivia.`);
    expect((await read('intern-analyst', 'places.txt')).text).toBe('[NAMES] lives at [PLACES], Bolivia.');
  });

  it('where nobody listens: nothing is read or sent that it should have looked at', async () => {
    note('names.txt', `${customer} paid.`);
    const file = join(product.dataDir, 'gateway', 'servers.yaml');
    const there = readFileSync(file, 'utf8');
    replaceFile(file, there.replace(/127\.0\.0\.1:\d+\/find/, `127.0.0.1:${await freePort()}/find`));
    const seen = await read('intern-analyst', 'names.txt');
    expect(seen).toMatchObject({ isError: true, atf: { code: 'data.masked_invalid' } });
    expect((await letter('Your order is on its way')).isError).toBe(true);
    const silent = async () =>
      (await (await product.operator()).call('overview')).gateways.flatMap((gateway) => gateway.silent ?? []);
    const told = await until('control to be told', async () =>
      (await silent()).length > 0 ? silent() : undefined,
    );
    expect(told).toMatchObject([{ kind: 'service', name: 'names' }]);
    const status = () => run(atfBin, ['status', '--data', product.dataDir]);
    expect((await status()).stdout).toMatch(
      /! service names did not answer the last \d+ questions? of gateway/,
    );
    replaceFile(file, there);
    expect((await read('intern-analyst', 'names.txt')).text).toBe('[NAMES] paid.');
    await until('it to answer again', async () => ((await silent()).length === 0 ? true : undefined));
    expect((await status()).stdout).not.toContain('did not answer');
  });

  it('is another party that is told what calls hold: two people say that it may be', async () => {
    writeFileSync(settings, shipped + own.replace('service: names', 'service: others'));
    const plan = await run(atfBin, ['policy', 'plan', folder, '--data', product.dataDir]);
    expect(plan.stdout).toContain('texts of calls go to the service others');
  });
});

describe('a model that the host of the gateway runs', () => {
  const isRead = async () => {
    note('plan.txt', `It is ${codeword}, from May on.`);
    return await read('intern-analyst', 'plan.txt');
  };
  const withheld = { isError: true, atf: { code: 'data.masked_invalid' } };
  const masked = { isError: false, text: '[PLANS]' };

  it('finds what is masked, also encoded and beside what others find, and what is never sent', async () => {
    expect(await isRead()).toMatchObject(masked);
    const hidden = Buffer.from(`We call it ${codeword.toUpperCase()}, ask amara@example.com`).toString(
      'base64',
    );
    note('plan.txt', `Nothing here. (${hidden})`);
    const { text } = await read('intern-analyst', 'plan.txt');
    expect(text).not.toContain(hidden);
    expect(await letter(`It is ${codeword}`)).toMatchObject({
      isError: true,
      atf: { code: 'data.never_sent' },
    });
    expect((await letter('It is on its way')).isError).toBe(false);
  });

  it('that hangs is waited for so long, and started again: meanwhile nothing is sent that it should have looked at', async () => {
    const before = news().length;
    process.kill(pid, 'SIGSTOP');
    const back = await (await product.agent('principal-operations')).mcp('back-office');
    let sent: Answer | undefined;
    const problem = await until(
      'the gateway to end it',
      async () => {
        const known = news()
          .slice(before)
          .find((line) => !isReady(line))?.problem;
        // Asked again only where control was not heard: the model had not been asked then.
        if (known === undefined && (sent === undefined || wasUnheard(sent)))
          sent = await callOnce(back, 'send_email', order('It is on its way'));
        return known;
      },
      60_000,
    );
    expect(problem).toBe('it did not answer');
    expect(sent?.isError).toBe(true);
    const next = await readyAfter(before);
    expect(next).not.toBe(pid);
    pid = next;
    expect(await isRead()).toMatchObject(masked);
  });

  it('that is not the pinned one any more is not asked, until it is', async () => {
    const file = join(modelFiles, 'model.onnx');
    const there = readFileSync(file);
    let before = news().length;
    writeFileSync(file, Buffer.concat([there, Buffer.from([0])]));
    expect(await isRead()).toMatchObject(withheld);
    expect(await problemAfter(before)).toContain(`${file} is not the one that the settings pin`);
    before = news().length;
    writeFileSync(file, there);
    pid = await readyAfter(before);
    expect(await isRead()).toMatchObject(masked);
  });

  it('without a runtime is not asked, and the gateway says what to install', async () => {
    const file = join(product.dataDir, 'gateway', 'servers.yaml');
    const there = readFileSync(file, 'utf8');
    let before = news().length;
    replaceFile(file, there.replace(`installedIn: "${root}"`, `installedIn: "${folder}"`));
    expect(await isRead()).toMatchObject(withheld);
    expect(await problemAfter(before)).toBe(
      `onnxruntime-web is not installed in ${folder}: run npm install --prefix ${folder} onnxruntime-web`,
    );
    before = news().length;
    replaceFile(file, there);
    pid = await readyAfter(before);
    expect(await isRead()).toMatchObject(masked);
  });
});
