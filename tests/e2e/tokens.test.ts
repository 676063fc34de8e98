/**
 * Tokens (D-3) through the front door: an agent writes to a customer whose address it never reads; whoever answers for security looks at the value, present and on record;
 * guessed tokens, tokens of others, tokens inside a text and tokens that were erased give nothing.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { revealShownText } from '@atf/core/wire/tokens';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Actions } from '../../packages/sdk/src/actions.ts';
import { atf } from './cli-run.ts';
import { type Answer, call, type McpAgent, Product, released, root, type Signed, until } from './product.ts';

const sensitive = `
sensitive:
  masked:
    intern: [secret, PCI, PII]
    junior: [secret, PCI]
    senior: [secret, PCI, pii.phone]
    principal: [secret, PCI, pii.email]
  neverSent: [secret, PCI]
  tokenised: { senior: [pii.phone], principal: [pii.email] }
  tokens:
    hours: 2
    givenTo:
      - { tool: back-office/send_email, argument: to, of: [pii.email] }
      - { tool: order-desk/cancel_order, argument: order_id, of: [pii.phone] }
`;
const address = 'ximena.quispe@example.net';
const folder = mkdtempSync(join(tmpdir(), 'atf-tokens-'));
const settings = join(folder, 'settings.yaml');
const shipped = readFileSync(join(root, 'policies', 'settings.yaml'), 'utf8');
let product: Product;
let approver: Signed;
let agent: McpAgent;

beforeAll(async () => {
  cpSync(join(root, 'policies'), folder, { recursive: true });
  writeFileSync(settings, shipped + sensitive);
  product = await Product.start({ args: ['--policies', folder] });
  writeFileSync(
    join(product.dataDir, 'sandbox', 'note.txt'),
    `Write to ${address}, that is ${address} (${Buffer.from(`it is ${address}`).toString('base64')}).`,
  );
  approver = await product.signIn('paula.reyes@example.com');
  agent = await product.agent('principal-operations');
}, 120_000);
afterAll(async () => {
  await product.remove();
  rmSync(folder, { recursive: true, force: true });
});

const note = async (who: McpAgent) =>
  (
    await call(await who.mcp('files'), 'read_text_file', {
      path: join(product.dataDir, 'sandbox', 'note.txt'),
    })
  ).text;
const tokensIn = (text: string) => text.match(/tok_[a-z2-7]{26}@email\.invalid/g) ?? [];

/** Sends, also where a person is asked first. */
async function send(who: McpAgent, letter: { to: string; subject: string; body: string }): Promise<Answer> {
  const office = await who.mcp('back-office');
  const isOver = ({ isError, atf: { code } }: Answer) => !isError || code === 'data.token_unknown';
  return released(approver, undefined, () => call(office, 'send_email', letter), isOver);
}

function outbox(subject: string): string[] {
  const found = readdirSync(product.home, { recursive: true, encoding: 'utf8' });
  return found
    .filter((name) => name.endsWith('.eml'))
    .map((name) => readFileSync(join(product.home, name), 'utf8'))
    .filter((text) => text.includes(`Subject: ${subject}`));
}

const reveal = async (who: Signed, token: string, reason: string) => {
  const subject = { kind: 'token' as const, id: token, digest: sha256(revealShownText(token, reason)) };
  const presence = await who.presence(subject);
  return await who.client.call('tokens.reveal', { params: { token }, body: { reason, presence } });
};

it('an agent reads a token in place of an address, the same all through its session and another in the next', async () => {
  const text = await note(agent);
  expect(text).not.toContain(address);
  const [one, two, ...more] = tokensIn(text);
  expect(one).toBeDefined();
  expect(two).toBe(one);
  // Behind an encoding it is masked for good.
  expect(more).toEqual([]);
  expect(text).toContain('([EMAIL]).');
  expect(tokensIn(await note(agent))).toEqual([one, one]);
  const [other] = tokensIn(await note(await product.nextSession(agent)));
  expect(other).toBeDefined();
  expect(other).not.toBe(one);
  // A level that has no tokens has a mask.
  expect(await note(await product.agent('intern-analyst'))).toContain('Write to [EMAIL]');
});

it('the tool is given the address where settings say so, and a text with the token in it stays what it is', async () => {
  const session = await product.nextSession(agent);
  const [to = ''] = tokensIn(await note(session));
  const sent = await send(session, { to, subject: 'With a token', body: `Copied: ${to}` });
  expect(sent.isError, sent.text).toBe(false);
  const [letter = ''] = outbox('With a token');
  expect(letter).toContain(`To: ${address}`);
  expect(letter).toContain(`Copied: ${to}`);
  const operator = await product.operator();
  const story = await until('the record', async () => {
    const params = { id: sent.atf.actionId ?? '' };
    const found = await operator.call('actions.show', { params }).catch(() => undefined);
    return found !== undefined && found.records.length > 1 ? found : undefined;
  });
  expect(JSON.stringify(story)).not.toContain(address);
});

it.each<[string, (mine: string, others: string) => string]>([
  ['a guess', () => `tok_${'a'.repeat(26)}@email.invalid`],
  ['of another session', (_mine, others) => others],
  ['erased', (mine) => mine],
])('a token that is %s gives nothing, and nothing is sent', async (how, pick) => {
  const [session, other] = [await product.nextSession(agent), await product.agent('principal-operations')];
  const [mine = ''] = tokensIn(await note(session));
  const [others = ''] = tokensIn(await note(other));
  if (how === 'erased') {
    const erased = await atf(['data', 'forget', mine, '--reason', 'they asked', '--data', product.dataDir]);
    expect(erased.code, erased.stderr).toBe(0);
  }
  const subject = `Never sent: ${how}`;
  const answer = await send(session, { to: pick(mine, others), subject, body: 'On its way.' });
  expect(answer).toMatchObject({ isError: true, atf: { code: 'data.token_unknown' } });
  expect(outbox(subject)).toEqual([]);
});

it('a program that runs its own tools is given the value for its tool, and told the token for its model', async () => {
  const phone = '+1 415 555 2671';
  const { fetch } = await product.agent('senior-support');
  const desk = new Actions({ fetch, server: 'order-desk' });
  const ran: [string, string][] = [];
  /** Refused while control is not heard, it has not run. */
  const guarded = (name: string, found: (order_id: string) => { order_id: string; state: string }) => {
    const tool = desk.guard<{ order_id: string }, { order_id: string; state: string }>({
      name,
      run: ({ order_id }, { actionId }) => {
        ran.push([order_id, actionId]);
        return found(order_id);
      },
    });
    return (order_id: string) => tool({ order_id });
  };
  const cancel = guarded('cancel_order', (order_id) => ({ order_id, state: 'cancelled' }));
  const { order_id } = await guarded('look_up_order', () => ({ order_id: phone, state: 'open' }))('O-1');
  expect(order_id).toMatch(/^\[PHONE:tok_[a-z2-7]{26}\]$/);
  // The tool has the number, and what it says of it is the token again.
  expect(await cancel(order_id)).toEqual({ order_id, state: 'cancelled' });
  const [, [given = '', id = ''] = []] = ran;
  expect(given).toBe(phone);
  await expect(cancel(`[PHONE:tok_${'a'.repeat(26)}]`)).rejects.toMatchObject({
    refusal: { code: 'data.token_unknown' },
  });
  expect(ran.length).toBe(2);
  const operator = await product.operator();
  const story = await until('the record', async () => {
    const found = await operator.call('actions.show', { params: { id } }).catch(() => undefined);
    return found !== undefined && found.records.length > 1 ? found : undefined;
  });
  expect(JSON.stringify(story)).not.toContain(phone);
});

it('is revealed to whoever answers for security, present, with a reason, and to nobody else', async () => {
  const [text = ''] = tokensIn(await note(await product.agent('principal-operations')));
  const token = text.split('@')[0] ?? '';
  const security = await product.signIn('yuki.mori@example.com');
  const operator = await product.operator();
  const direct = operator.call('tokens.reveal', {
    params: { token },
    body: { reason: 'curious', presence: 'x'.repeat(30) },
  });
  await expect(direct).rejects.toThrow();
  const seen = await reveal(security, token, 'The customer calls about this letter.');
  expect(seen).toMatchObject({ value: address, detector: 'pii.email', tool: 'files/read_text_file' });
  await expect(reveal(security, `tok_${'a'.repeat(26)}`, 'guessing')).rejects.toThrow();
  const shown = await atf(['data', 'reveal', text, '--data', product.dataDir]);
  expect(shown.stdout).toContain(`/tokens/${token}`);
});

it('takes two people, and never for what is never sent', async () => {
  writeFileSync(
    settings,
    shipped + sensitive.replace('hours: 2', 'hours: 3').replace('argument: to', 'argument: body'),
  );
  const plan = await atf(['policy', 'plan', folder, '--data', product.dataDir]);
  expect(plan.stdout).toContain('sensitive.tokens.hours: 2 becomes 3');
  expect(plan.stdout).toContain('back-office/send_email is given pii.email in body');
  writeFileSync(settings, shipped + sensitive.replace('of: [pii.email]', 'of: [PCI]'));
  const tested = await atf(['policy', 'test', folder, '--data', product.dataDir]);
  expect(tested.stdout + tested.stderr).toContain('is never sent, and so given to no tool');
});
