/**
 * A service of the company that finds what no expression does (D-3), through the front door: names are masked, also behind an encoding; whatever is wrong with the service, nothing
 * passes that it should have looked at.
 */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '@atf/cli/up/free-port';
import { answerTo } from '../../examples/detectors/names.mjs';
import { atfBin, run } from './cli-run.ts';
import { call, Product, replaceFile, root } from './product.ts';

const own = `
sensitive:
  masked:
    intern: [secret, PCI, own.names, own.places]
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

const folder = mkdtempSync(join(tmpdir(), 'atf-services-'));
const settings = join(folder, 'settings.yaml');
const shipped = readFileSync(join(root, 'policies', 'settings.yaml'), 'utf8');
let product: Product;
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
atf-service-places: { url: "http://127.0.0.1:${port}/places", privateNetwork: true }\n`,
  );
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

describe('a service of the company', () => {
  const note = (name: string, text: string) => writeFileSync(join(product.dataDir, 'sandbox', name), text);
  const letter = async (body: string) =>
    await call(await (await product.agent('principal-operations')).mcp('back-office'), 'send_email', {
      ...{ to: 'amara.okafor@example.com', subject: 'Your order', body },
    });

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
    replaceFile(file, there);
    expect((await read('intern-analyst', 'names.txt')).text).toBe('[NAMES] paid.');
  });

  it('is another party that is told what calls hold: two people say that it may be', async () => {
    writeFileSync(settings, shipped + own.replace('service: names', 'service: others'));
    const plan = await run(atfBin, ['policy', 'plan', folder, '--data', product.dataDir]);
    expect(plan.stdout).toContain('texts of calls go to the service others');
  });
});
