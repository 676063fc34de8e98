/**
 * Sensitive data (D-3) through the front door: what an agent reads is masked by its level before anybody keeps it, what a call would send out is held to what never
 * leaves, and no store holds what was masked.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atfBin, run } from './cli-run.ts';
import { call, Product, until } from './product.ts';

// None of them belongs to anybody: test numbers and forms of the issuers.
const card = '4111 1111 1111 1111';
const key = 'AKIAQYLPMN5HHHFPZAM2';
const ssn = '514-69-0360';
const mail = 'nobody.in.particular@example.com';
const encoded = Buffer.from(`the key is ${key}, keep it`).toString('base64');
const text = `Card ${card}, key ${key} (again: ${encoded}), SSN: ${ssn}, mail ${mail}.`;
const record = JSON.stringify({ customer: { payment: { card: 4111111111111111 }, mail } });

let product: Product;
beforeAll(async () => {
  product = await Product.start();
  writeFileSync(join(product.dataDir, 'sandbox', 'letter.txt'), text);
  writeFileSync(join(product.dataDir, 'sandbox', 'record.json'), record);
}, 120_000);
afterAll(async () => product.remove());

const read = async (agent: string, path: string) =>
  call(await (await product.agent(agent)).mcp('files'), 'read_text_file', {
    path: join(product.dataDir, 'sandbox', path),
  });

/** Every file below a folder that holds one of these words. */
function filesWith(dir: string, words: readonly string[]): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(dir, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path).toString('latin1');
    return words.some((word) => bytes.includes(word));
  });
}

describe('what an agent reads', () => {
  it('has its secrets and cards masked for a Principal, and more for an Intern', async () => {
    const principal = await read('principal-operations', 'letter.txt');
    expect(principal.text).toBe(`Card [CARD], key [SECRET] (again: [SECRET]), SSN: ${ssn}, mail ${mail}.`);
    // What passes is told by its category.
    expect(principal.atf).toMatchObject({
      labels: expect.arrayContaining(['PII', 'PCI', 'secret']) as string[],
    });
    expect(principal.atf).not.toHaveProperty('note');
    const intern = await read('intern-analyst', 'letter.txt');
    expect(intern.text).toBe(`Card [CARD], key [SECRET] (again: [SECRET]), SSN: [SSN], mail ${mail}.`);
  });

  it('stays JSON where it was JSON', async () => {
    const { text: said } = await read('principal-operations', 'record.json');
    expect(JSON.parse(said)).toEqual({ customer: { payment: { card: '[CARD]' }, mail } });
  });

  it('is on record by what was found and how much of it was masked, never by what it was', async () => {
    const operator = await product.operator();
    const { items } = await until('the outcome', async () => {
      const found = await operator.call('activity.list', { query: { agent: 'intern-analyst' } });
      return found.items.some(({ type }) => type === 'action.outcome') ? found : undefined;
    });
    const outcome = items.find(({ type }) => type === 'action.outcome');
    expect(outcome?.summary).toMatch(/holds .*secret.*, 8 masked/);
  });
});

describe('what a call sends', () => {
  const letter = (body: string) => ({ to: 'amara.okafor@example.com', subject: 'Your order', body });

  it.each([
    ['a key', `use ${key}`],
    ['a card', `paid with ${card}`],
    ['a card between invisible characters', `paid with ${[...card].join('\u200b')}`],
    ['an encoded key', encoded],
  ])('does not leave with %s', async (_what, body) => {
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    const answer = await call(office, 'send_email', letter(body));
    expect(answer).toMatchObject({ isError: true, atf: { code: 'data.never_sent' } });
    expect(answer.text).not.toContain('1111');
    expect(answer.text).not.toContain(key);
  });

  it('leaves without one', async () => {
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    const answer = await call(office, 'send_email', letter('Your order is on its way.'));
    expect(answer).toMatchObject({ isError: false });
  });
});

describe('a result that a person wants in a form', () => {
  const classify = async (schema: string) => {
    const file = join(product.dataDir, 'result.schema.json');
    writeFileSync(file, schema);
    const args = ['tool', 'classify', 'files/read_text_file', '--data', product.dataDir];
    return await run(atfBin, [...args, '--output-schema', schema === 'none' ? schema : file]);
  };
  // This tool gives its text as structured content, too.
  const schema = {
    type: 'object',
    properties: { content: { type: 'string', pattern: '"customer"' } },
    required: ['content'],
  };
  const deed = 'principal-operations';

  it('is given when it has it, and withheld otherwise, without a word of it', async () => {
    expect((await classify(JSON.stringify(schema))).stdout).toContain('Its results must fit');
    await until('the gateway to hold it', async () =>
      (await read(deed, 'letter.txt')).isError ? true : undefined,
    );
    expect(await read(deed, 'record.json')).toMatchObject({ isError: false });
    const letter = await read(deed, 'letter.txt');
    expect(letter.atf).toMatchObject({ code: 'data.output_invalid' });
    expect(letter.text).not.toContain(mail);
  });

  it.each([
    ['is no JSON', '{'],
    ['knows another keyword', '{"type":"object","requierd":["a"]}'],
    ['refers to elsewhere', '{"$ref":"https://example.com/schema.json"}'],
    ['backtracks', '{"type":"string","pattern":"(?=x)(a+)+$"}'],
    ['is too long', JSON.stringify({ description: 'x'.repeat(17_000) })],
  ])('is not registered when it %s, and what was stays', async (_why, text) => {
    expect((await classify(text)).code).not.toBe(0);
    expect(await read(deed, 'letter.txt')).toMatchObject({ atf: { code: 'data.output_invalid' } });
  });

  it('is free again when the schema is taken away', async () => {
    expect((await classify('none')).stdout).not.toContain('Its results must fit');
    await until('the gateway to know', async () =>
      (await read(deed, 'letter.txt')).isError ? undefined : true,
    );
  });
});

describe('what stays behind', () => {
  it('holds nothing of what was masked: no store, no log, no record', async () => {
    await product.stop();
    const masked = [key, card, '4111111111111111', encoded];
    const places = filesWith(product.dataDir, masked).filter((name) => !name.startsWith('sandbox'));
    expect(places).toEqual([]);
    expect(filesWith(product.dataDir, [key]).length).toBeGreaterThan(0);
  });
});
