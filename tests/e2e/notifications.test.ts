/**
 * Notifications through the front door: the running product, real receivers on loopback (a web server and a mail server), real agents. What is verified
 * is what arrived, by an independent implementation of Standard Webhooks.
 */
import type { Client } from '@modelcontextprotocol/client';
import {
  type MailReceiver,
  mailReceiver,
  type WebReceiver,
  webReceiver,
} from '@atf/control/notifications/receivers.fixture';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { atOnceMs, call, Product, resume, type Signed, until } from './product.ts';

let product: Product;
let security: Signed;
let office: Client;
let web: WebReceiver;
let mail: MailReceiver;
let secret = '';

const notify = (...args: string[]) => atf(['notify', ...args, '--json', '--data', product.dataDir]);
const refund = (amount: number) => ({
  order_id: 'O-5001',
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});

interface Body {
  type: string;
  data: {
    count: number;
    headline: string;
    items: { summary: string; because: string; link: string; tool?: string; claimed?: { text: string } }[];
  };
}
const bodies = (): Body[] => web.received.map(({ body }) => JSON.parse(body) as Body);
const arrived = (type: string): Promise<Body> =>
  until(`a message ${type}`, () => bodies().find((body) => body.type === type));

beforeAll(async () => {
  web = await webReceiver();
  mail = await mailReceiver();
  product = await Product.start();
  security = await product.signIn('yuki.mori@example.com');
  const ran = await notify(
    'target',
    'add',
    'ops',
    '--webhook',
    `${web.url}/ops`,
    '--private-network',
    '--window',
    '4',
    '--attempts',
    '3',
  );
  expect(ran.stderr).toBe('');
  secret = String(documents(ran)[0]?.['signingSecret']);
  const owners = await notify(
    'target',
    'add',
    'owners',
    '--smtp',
    `smtp+plain://127.0.0.1:${mail.port}`,
    '--from',
    'atf@example.com',
    '--people',
    '--kind',
    'action_taken',
    '--private-network',
  );
  expect(owners.code).toBe(0);
  office = await (await product.agent('senior-support')).mcp('back-office');
});
afterAll(async () => {
  await product.remove();
  await web.close();
  await mail.close();
});

describe('a Senior acts and people are told', () => {
  it('at once, what and why, signed; a changed message and a replay are told apart', async () => {
    const startedMs = Date.now();
    const answer = await call(office, 'create_refund', refund(11));
    expect(answer.isError).toBe(false);
    const body = await arrived('atf.action_taken');
    const {
      headers,
      body: text,
      atMs,
    } = web.received.find(
      (one) => (JSON.parse(one.body) as Body).type === 'atf.action_taken',
    ) as WebReceiver['received'][number];
    expect(atMs - startedMs).toBeLessThan(atOnceMs);
    const given = headers as Record<string, string>;
    const verifier = new Webhook(secret);
    expect(verifier.verify(text, given)).toMatchObject({ type: 'atf.action_taken' });
    expect(() => verifier.verify(text.replace('create_refund', 'create_refunt'), given)).toThrow(
      /signature/i,
    );
    const later = { ...given, 'webhook-timestamp': String(Number(given['webhook-timestamp']) - 3_600) };
    expect(() => verifier.verify(text, later)).toThrow(/timestamp/i);
    const other = { ...given, 'webhook-id': 'msg_another' };
    expect(() => verifier.verify(text, other)).toThrow(/signature/i);
    expect(body.data.items[0]).toMatchObject({
      summary: 'senior-support called back-office/create_refund: done',
      tool: 'back-office/create_refund',
    });
    expect(body.data.items[0]?.because).not.toBe('');
    expect(body.data.items[0]?.claimed?.text).not.toBe('');
  });

  it('of a burst the rest comes as one digest with the count', async () => {
    for (let n = 0; n < 6; n++) await call(office, 'create_refund', refund(2));
    const digest = await arrived('atf.digest');
    const told = bodies().filter(
      ({ data }) =>
        data.headline.includes('actions that agents took alone') || data.headline.includes('create_refund'),
    );
    expect(digest.data.count).toBeGreaterThanOrEqual(2);
    await until('all seven to be counted', () =>
      bodies()
        .filter(({ type }) => type === 'atf.action_taken' || type === 'atf.digest')
        .reduce((sum, { data }) => sum + data.count, 0) >= 7
        ? true
        : undefined,
    );
    expect(told.length).toBeLessThan(7);
  });

  it('who is concerned takes note of it, on record', async () => {
    const operator = await product.operator();
    const { items } = await operator.call('notifications.list', {
      query: { open: 'true', kind: 'action_taken' },
    });
    const id = items[0]?.id ?? '';
    await security.client.call('notifications.acknowledge', { params: { id } });
    const event = await until('the record of it', async () => {
      const { items: recorded } = await operator.call('activity.list', { query: { limit: 100 } });
      return recorded.find(({ type }) => type === 'notification.acknowledged');
    });
    expect(event.person).toBe('Yuki Mori');
    const ran = await notify('ack', items[1]?.id ?? '');
    expect(documents(ran)[0]).toMatchObject({ acknowledged: { with: 'token' } });
  });
});

describe('a receiver that is away', () => {
  it('gets it after control was killed and started again; what never arrives is given up where people see it', async () => {
    web.answer = 503;
    const before = web.received.length;
    // Past the window, so that the next one goes at once.
    await until('the window to be over', async () => {
      const { items } = await (await product.operator()).call('deliveries.list', {
        query: { state: 'waiting' },
      });
      return items.some(({ target }) => target === 'ops') ? undefined : true;
    });
    await call(office, 'create_refund', refund(3));
    await until('the first attempt', () => (web.received.length > before ? true : undefined));
    // It answers again while control is away: how long that takes must not use up the attempts.
    const crashed = product.crash('control');
    web.answer = 200;
    await crashed;
    const operator = await product.operator();
    await until(
      'nothing to wait',
      async () => {
        const { items } = await operator.call('deliveries.list', { query: { limit: 100 } });
        return items.every(({ state, target }) => target !== 'ops' || state === 'delivered')
          ? true
          : undefined;
      },
      60_000,
    );
    const ids = web.received.slice(before).map(({ headers }) => headers['webhook-id']);
    expect(ids.length).toBeGreaterThan(new Set(ids).size);

    web.answer = 500;
    const { code, stderr } = await notify('target', 'test', 'ops', '--wait', '60');
    expect(code).toBe(1);
    expect(failure({ code, stdout: '', stderr, tookMs: 0 }).message).toContain('http_500');
    await until(
      'it to be given up',
      async () => {
        const { items } = await operator.call('deliveries.list', { query: { state: 'dead' } });
        return items.length > 0 ? true : undefined;
      },
      120_000,
    );
    const dead = documents(await notify('deliveries', '--dead'));
    expect(dead[0]).toMatchObject({ target: 'ops', state: 'dead', attempts: 3, problem: 'http_500' });
    web.answer = 200;
    await notify('retry', String(dead[0]?.['id']));
    await until('it to arrive', async () => {
      const { items } = await operator.call('deliveries.list', { query: { state: 'dead' } });
      return items.length === 0 ? true : undefined;
    });
  });
});

describe('a kill', () => {
  it('is told, and a receiver that hangs does not slow it', async () => {
    web.answer = 'hang';
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'junior-support' } });
    const scope = { kind: 'agent' as const, id };
    const startedMs = performance.now();
    const report = await operator.call('containment.stop', {
      body: { scope, state: 'killed', reason: 'drill' },
    });
    expect(performance.now() - startedMs).toBeLessThan(atOnceMs);
    expect(report.gateways).toEqual({ connected: 1, confirmed: 1 });
    const stopped = await arrived('atf.stopped');
    expect(stopped.data.items[0]?.summary).toMatch(/killed the agent junior-support$/);
    expect(stopped.data.items[0]?.claimed?.text).toBe('drill');
    web.answer = 200;
    await resume(security, { scope, reason: 'drill over' });
    await arrived('atf.resumed');
  });
});

describe('mail', () => {
  it('goes to the people who answer for the agent, each alone', async () => {
    const got = await until('a mail to each', () => (mail.mails.length >= 3 ? mail.mails : undefined));
    const operator = await product.operator();
    const agent = await operator.call('agents.show', { params: { id: 'senior-support' } });
    expect(got.map(({ to }) => to.join())).toContain(agent.owner.email);
    expect(got[0]?.data).toMatch(/^Subject: \[ATF info\] senior-support called/m);
    expect(got[0]?.data).toContain('/notifications/');
  });
});

describe('targets', () => {
  it.each([
    ['http://169.254.169.254/latest', '--private-network'],
    ['https://127.0.0.1:1/', undefined],
    ['http://example.com/', undefined],
    ['https://[fd00:ec2::254]/', '--private-network'],
  ])('%s %s is refused', async (url, flag) => {
    const ran = await notify('target', 'add', 'bad', '--webhook', url, ...(flag === undefined ? [] : [flag]));
    expect(ran.code).toBe(1);
    expect(failure(ran).code).toBe('notification.target_refused');
  });

  it('once people have factors, the operator’s token alone adds and removes none; the secret is not in what is cleared', async () => {
    const operator = await product.operator();
    // The resumption above had the person who answers for security set a passphrase.
    const body = {
      name: 'elsewhere',
      channel: { kind: 'slack' as const, url: `${web.url}/services/SECRETPATH` },
      privateNetwork: true,
    };
    await expect(operator.call('targets.add', { body })).rejects.toMatchObject({
      code: 'people.clearance_required',
    });
    const { items } = await operator.call('targets.list');
    await expect(
      operator.call('targets.remove', { params: { id: items[0]?.id ?? '' } }),
    ).rejects.toMatchObject({ code: 'people.clearance_required' });
    const asked = await operator.call('clearances.ask', { body: { operation: 'targets.add', body } });
    expect(asked.requestText).not.toContain('SECRETPATH');
    expect(asked.requestText).toContain(web.url);
    const presence = await security.presence({ kind: 'clearance', id: asked.id, digest: asked.shownDigest });
    await security.client.call('clearances.grant', {
      params: { id: asked.id },
      body: { shownDigest: asked.shownDigest, presence },
    });
    const headers = { 'x-atf-clearance': asked.id };
    // Cleared is this address and no other.
    const other = { ...body, channel: { ...body.channel, url: `${web.url}/services/OTHER` } };
    await expect(operator.call('targets.add', { body: other }, { headers })).rejects.toMatchObject({
      code: 'people.clearance_invalid',
    });
    const { target } = await operator.call('targets.add', { body }, { headers });
    expect(target.destination).toBe(web.url);
  });

  it('nothing secret stands in the logs', async () => {
    expect(product.output.join('')).not.toContain(secret.slice(6, 24));
    expect(product.output.join('')).not.toContain('SECRETPATH');
  });
});
