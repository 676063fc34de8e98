/**
 * Detectors of the company's own (D-3) through the front door: employee numbers that nobody else has are masked for an Intern, never sent, and on record; a detector that
 * hangs, or that finds something else than its examples say, never comes into force.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { atfBin, run } from './cli-run.ts';
import { call, Product, root, until } from './product.ts';

const own = `
sensitive:
  masked:
    intern: [secret, PCI, own.employee_number, own.project, own.payroll_row]
    junior: [secret, PCI]
    senior: [secret, PCI]
    principal: [secret, PCI]
  neverSent: [secret, PCI, own.employee_number]
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
beforeAll(async () => {
  cpSync(join(root, 'policies'), folder, { recursive: true });
  writeFileSync(settings, shipped + own);
  product = await Product.start({ args: ['--policies', folder] });
  const sandbox = join(product.dataDir, 'sandbox');
  writeFileSync(join(sandbox, 'note.txt'), `${number} works on Blue-Heron (${encoded}).`);
  writeFileSync(join(sandbox, 'pay.json'), JSON.stringify([{ employee: 'Ada', salary: 70_000 }]));
}, 120_000);
afterAll(async () => {
  await product.remove();
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

it.each([
  ['plain', number],
  ['between invisible characters', [...number].join('\u200b')],
  ['encoded', encoded],
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
  ['is named and is none', 'own.project, own.payroll_row]', 'own.projekt]', 'no category and no detector'],
])('is refused with the reason when it %s', async (_what, from, to, why) => {
  writeFileSync(settings, shipped + own.replace(from, to));
  const tested = await run(atfBin, ['policy', 'test', folder, '--data', product.dataDir]);
  expect(tested.code).not.toBe(0);
  expect(tested.stdout + tested.stderr).toContain(why);
});

it('takes two people to loosen', async () => {
  writeFileSync(
    settings,
    shipped + own.replace("'EMP-\\d{6}'", "'EMP-00\\d{4}'").replace('Blue Heron]', 'Blue Heron, Red Kite]'),
  );
  const plan = await run(atfBin, ['policy', 'plan', folder, '--data', product.dataDir]);
  expect(plan.stdout).toContain('own.employee_number finds something else');
  expect(plan.stdout).not.toContain('own.project finds something else');
});
