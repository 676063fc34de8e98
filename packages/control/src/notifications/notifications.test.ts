/** From a recorded change to a message that arrived: on a real database, with real receivers on loopback and a clock that is moved. */
import { randomUUID } from 'node:crypto';
import type { BodyIn } from '@atf/core/wire/api';
import { targetInputSchema } from '@atf/core/wire/notifications';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stop } from '../incident/containment.ts';
import { openStops } from '../incident/containment.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { callerOf, type Domain, domainOf, gatewayActor } from '../workspace/domain.fixture.ts';
import { deliveryRows } from './delivery-store.ts';
import { burstMax, listedMax } from './lanes.ts';
import { tell } from './outbox.ts';
import { claimMs, pauseAfterMs, Postman } from './postman.ts';
import {
  certificateFor,
  type MailReceiver,
  mailReceiver,
  type WebReceiver,
  webReceiver,
} from './receivers.fixture.ts';
import { notificationRoutes } from './routes.ts';
import { GatewayWatch, lostAfterMs } from './gateway-watch.ts';

let control: TestControl;
let domain: Domain;
let postman: Postman;
let web: WebReceiver;
let mail: MailReceiver;
let closeStops: () => void;
const connected = new Set<string>();

beforeAll(async () => {
  control = await testControl({
    feed: {
      contain: async () => ({ connected: 1, confirmed: 1, aborted: 0, running: 0 }),
      gateways: () =>
        [...connected].map((id) => ({
          id,
          connected: true,
          lastBeatMsAgo: 1,
          spool: undefined,
          decide: undefined,
          draining: [],
        })),
    },
  });
  domain = await domainOf(control);
  const stops = await openStops(control);
  closeStops = () => stops.close();
  postman = new Postman(control);
  web = await webReceiver();
  mail = await mailReceiver();
});
afterAll(async () => {
  closeStops();
  await postman.close();
  await web.close();
  await mail.close();
  await control.close();
});

const added: string[] = [];
async function addTarget(more: Partial<BodyIn<'targets.add'>> & Pick<BodyIn<'targets.add'>, 'channel'>) {
  const body = targetInputSchema.parse({
    name: `t-${randomUUID().slice(0, 8)}`,
    privateNetwork: true,
    windowSeconds: 60,
    ...more,
  });
  const answer = await callerOf(control, notificationRoutes)('targets.add', control.as(domain.operator), {
    body,
  });
  added.push(answer.target.id);
  return answer;
}
const webhook = (path = '/hook') => ({ kind: 'webhook' as const, url: `${web.url}${path}` });

/** Turns until nothing is due now. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) {
    await postman.work();
    await postman.settled();
  }
}
async function quiet(): Promise<void> {
  control.later(600_000);
  await turns();
  web.received.splice(0);
  mail.mails.splice(0);
  // Later than anything above, so that the newest is the one of the test.
  control.later(1_000);
}
afterEach(async () => {
  web.answer = 200;
  web.answerHeaders = {};
  const call = callerOf(control, notificationRoutes);
  for (const id of added.splice(0))
    await call('targets.remove', control.as(domain.operator), { params: { id } });
  await quiet();
});

async function acted(agentId: string, more: { summary?: string; purpose?: string } = {}) {
  const body = {
    actionId: randomUUID(),
    agentId,
    tool: 'shop/create_refund',
    summary: 'senior called shop/create_refund: done',
    because: 'level senior may do this alone and tells people at once',
    ...more,
  };
  await callerOf(control, notificationRoutes)('gateway.notify', gatewayActor, { body });
  return body;
}
const bodyOf = (at: number) =>
  JSON.parse(web.received[at]?.body ?? '{}') as {
    type: string;
    data: {
      count: number;
      counts: Record<string, number>;
      unlisted: number;
      headline: string;
      items: {
        id: string;
        kind: string;
        summary: string;
        claimed?: { by: string; text: string };
        to: string[];
        link: string;
      }[];
    };
  };

describe('a signed webhook', () => {
  it('is verified by an independent implementation of Standard Webhooks, and a changed or old one is not', async () => {
    const { signingSecret = '' } = await addTarget({ channel: webhook() });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    const news = await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(1);
    const { headers, body } = web.received[0] as WebReceiver['received'][number];
    const given = headers as Record<string, string>;
    expect(signingSecret).toMatch(/^whsec_/);
    // The clock of the test stands elsewhere, and that library asks the real one: what it says of the time is looked at below.
    const verifier = new Webhook(signingSecret);
    const signed = verifier.sign(
      given['webhook-id'] ?? '',
      new Date(Number(given['webhook-timestamp']) * 1_000),
      body,
    );
    expect(given['webhook-signature']).toBe(signed);
    expect(() => verifier.verify(body, given)).toThrow(/timestamp/i);
    expect(Number(given['webhook-timestamp'])).toBe(Math.floor(control.clock.nowMs() / 1_000));
    expect(bodyOf(0)).toMatchObject({
      type: 'atf.action_taken',
      data: {
        count: 1,
        items: [{ summary: news.summary, to: ['Ines Owner', 'Tomas Technical', 'Grace Business'] }],
      },
    });
  });

  it('keeps its id over attempts, so that a receiver can drop what it has', async () => {
    await addTarget({ channel: webhook() });
    await quiet();
    web.answer = 500;
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    await turns();
    control.later(2_000);
    web.answer = 200;
    await turns();
    const ids = web.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('told twice by a gateway that did not hear the answer, people are told once', async () => {
    await addTarget({ channel: webhook() });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    const body = await acted(agent.id);
    await callerOf(control, notificationRoutes)('gateway.notify', gatewayActor, { body });
    await turns();
    control.later(120_000);
    await turns();
    expect(web.received).toHaveLength(1);
  });
});

describe('batching', () => {
  it('the first goes at once, what follows within the window is one digest that counts all and lists some', async () => {
    await addTarget({ channel: webhook() });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(1);
    for (let n = 0; n < 30; n++) await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(1);
    control.later(60_001);
    await turns();
    expect(web.received).toHaveLength(2);
    expect(bodyOf(1)).toMatchObject({
      type: 'atf.digest',
      data: {
        count: 30,
        counts: { action_taken: 30 },
        unlisted: 30 - listedMax,
        headline: '30 actions that agents took alone',
      },
    });
    expect(bodyOf(1).data.items).toHaveLength(listedMax);
    // As long as there is something to say there is one message in a window, not two.
    await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(2);
    control.later(60_001);
    await turns();
    expect(web.received).toHaveLength(3);
    // After a quiet window the first goes at once again.
    control.later(120_001);
    await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(4);
  });

  it('very many agents at once are a bounded number of messages, and nothing is lost from the counts', async () => {
    await addTarget({ channel: webhook(), kinds: ['action_taken'] });
    await quiet();
    const agents = 40;
    await control.change(async (tx) => {
      for (let n = 0; n < agents; n++)
        await tell(tx, {
          tenant: 'default',
          atMs: control.clock.nowMs(),
          kind: 'action_taken',
          severity: 'info',
          once: randomUUID(),
          tool: `server-${n}/x`,
          summary: `agent ${n} did x`,
          because: 'it may',
        });
    });
    await turns();
    expect(web.received).toHaveLength(burstMax);
    control.later(60_001);
    await turns();
    expect(web.received).toHaveLength(burstMax + 1);
    const told = web.received.reduce((sum, _, at) => sum + bodyOf(at).data.count, 0);
    expect(told).toBe(agents);
  });
});

describe('faults of a receiver', () => {
  it('tries again with growing pauses, gives up visibly after the bound, and a person may try again', async () => {
    const { target } = await addTarget({ channel: webhook(), attempts: 3 });
    await quiet();
    web.answer = 503;
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    await turns();
    expect(web.received).toHaveLength(1);
    control.later(pauseAfterMs(1) * 1.3);
    await turns();
    expect(web.received).toHaveLength(2);
    control.later(pauseAfterMs(1) * 1.3);
    await turns();
    expect(web.received).toHaveLength(2);
    control.later(pauseAfterMs(2) * 1.3);
    await turns();
    expect(web.received).toHaveLength(3);
    const call = callerOf(control, notificationRoutes);
    const as = control.as(domain.operator);
    const { items } = await call('deliveries.list', as, { query: { state: 'dead', target: target.id } });
    expect(items).toMatchObject([{ state: 'dead', problem: 'http_503', attempts: 3, target: target.name }]);
    expect((await control.events('notification.dead_lettered')).at(-1)?.body).toMatchObject({
      problem: 'http_503',
    });
    expect((await call('targets.list', as)).items.find(({ id }) => id === target.id)).toMatchObject({
      dead: 1,
    });
    web.answer = 200;
    const id = items[0]?.id ?? '';
    await call('deliveries.retry', as, { params: { id } });
    await turns();
    expect((await call('deliveries.show', as, { params: { id } })).state).toBe('delivered');
    expect(await codeOf(call('deliveries.retry', as, { params: { id } }))).toBe('notification.not_dead');
  });

  it('follows no redirect, obeys Retry-After, and gives up at once when the receiver is gone for good', async () => {
    await addTarget({ channel: webhook() });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    web.answer = 302;
    web.answerHeaders = { location: `${web.url}/elsewhere` };
    await acted(agent.id);
    await turns();
    expect(web.received.map(({ path }) => path)).toEqual(['/hook']);
    web.answer = 429;
    web.answerHeaders = { 'retry-after': '120' };
    control.later(2_000);
    await turns();
    expect(web.received).toHaveLength(2);
    control.later(60_000);
    await turns();
    expect(web.received).toHaveLength(2);
    web.answer = 410;
    control.later(61_000);
    await turns();
    const [row] = await deliveryRows(control.db, 'default', { limit: 1 });
    expect(row).toMatchObject({ state: 'dead', problem: 'http_410', attempts: 3 });
  });

  it('what a sender took and never settled is sent by the next one, under the same id', async () => {
    await addTarget({ channel: webhook() });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    web.answer = 'hang';
    const first = new Postman(control);
    await first.work();
    await web.until(() => web.received.length > 0);
    const [taken] = await deliveryRows(control.db, 'default', { limit: 1 });
    expect(taken?.state).toBe('sending');
    // Another replica does not take what is taken.
    await turns();
    expect(web.received).toHaveLength(1);
    web.answer = 200;
    control.later(claimMs + 1);
    await turns();
    expect(web.received).toHaveLength(2);
    expect(web.received[1]?.headers['webhook-id']).toBe(web.received[0]?.headers['webhook-id']);
    // The first one wakes up late: what it believes does not count any more.
    await first.close();
    const [settled] = await deliveryRows(control.db, 'default', { limit: 1 });
    expect(settled).toMatchObject({ state: 'delivered' });
  });

  it('a target that hangs holds up nobody else', async () => {
    const hanging = await webReceiver();
    hanging.answer = 'hang';
    await addTarget({ channel: { kind: 'webhook', url: `${hanging.url}/` } });
    await addTarget({ channel: webhook() });
    control.later(600_000);
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    const sender = new Postman(control);
    sender.start();
    await web.until(() => web.received.some(({ body }) => body.includes('shop/create_refund')));
    await sender.close();
    await hanging.close();
  });
});

describe('what people are told of', () => {
  it('a kill, with who and why; and where notifications go', async () => {
    await addTarget({ channel: webhook(), kinds: ['stopped', 'target_changed'] });
    await turns();
    expect(bodyOf(0)).toMatchObject({ type: 'atf.target_changed' });
    await quiet();
    const agent = await domain.agent(`doomed-${randomUUID().slice(0, 6)}`, 'senior');
    await stop(control, domain.security, {
      scope: { kind: 'agent', id: agent.id },
      state: 'killed',
      reason: 'see https://evil.example/now @channel',
    });
    await turns();
    const { data } = bodyOf(0);
    expect(data.items[0]?.summary).toMatch(/^Yuki Security killed the agent doomed-/);
    expect(data.items[0]?.claimed).toEqual({
      by: 'the person who did it',
      text: 'see https[:]//evil[.]example/now [at]channel',
    });
    expect(data.items[0]?.to).toEqual(
      expect.arrayContaining(['Olga Operator', 'Ines Owner', 'Yuki Security']),
    );
  });

  it('a tool in quarantine, by kind, severity, agent and person', async () => {
    const grave = await addTarget({ channel: webhook('/grave'), severity: 'critical' });
    const mine = await addTarget({
      channel: webhook('/mine'),
      people: [domain.owner.id],
      kinds: ['action_taken'],
    });
    await quiet();
    const one = await domain.agent(`one-${randomUUID().slice(0, 6)}`, 'senior');
    const two = await domain.agent(`two-${randomUUID().slice(0, 6)}`, 'senior');
    await addTarget({ channel: webhook('/two'), agents: [two.id] });
    await turns();
    web.received.splice(0);
    await acted(one.id);
    await acted(two.id);
    await turns();
    const paths = web.received.map(({ path }) => path).sort();
    expect(paths).toEqual(['/mine', '/mine', '/two']);
    expect(grave.target.severity).toBe('critical');
    expect(mine.target.people).toEqual(['Ines Owner']);
  });

  it('a gateway that is out of touch, once, and once when it is back', async () => {
    const id = randomUUID();
    await control.change((tx) =>
      tx
        .insertInto('gateway')
        .values({
          tenant: 'default',
          id,
          name: `g-${id.slice(0, 6)}`,
          state: 'active',
          jkt: id,
          public_key: '{}',
          servers: null,
          revoked_at: null,
          enrolled_at: control.clock.nowMs(),
        })
        .execute(),
    );
    const watch = new GatewayWatch(control);
    connected.add(id);
    await watch.look();
    connected.delete(id);
    await watch.look();
    control.later(lostAfterMs);
    await watch.look();
    await watch.look();
    connected.add(id);
    await watch.look();
    await turns();
    const call = callerOf(control, notificationRoutes);
    const { items } = await call('notifications.list', control.as(domain.operator), {
      query: { kind: 'gateway_lost' },
    });
    expect(items.map(({ severity }) => severity).sort()).toEqual(['critical', 'info']);
  });
});

describe('taking note', () => {
  it('is on record; only of people whom it concerns, operators and security', async () => {
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    const { actionId } = await acted(agent.id);
    await turns();
    const call = callerOf(control, notificationRoutes);
    const { items } = await call('notifications.list', control.as(domain.stranger), {
      query: { open: 'true' },
    });
    const id = items.find((item) => item.actionId === actionId)?.id ?? '';
    expect(
      await codeOf(call('notifications.acknowledge', control.as(domain.stranger), { params: { id } })),
    ).toBe('people.not_allowed');
    await call('notifications.acknowledge', control.as(domain.owner), { params: { id } });
    const again = await call('notifications.acknowledge', control.as(domain.operator, 'token'), {
      params: { id },
    });
    expect(again.acknowledged).toMatchObject({ by: 'Ines Owner', with: 'session' });
    expect((await control.events('notification.acknowledged')).map(({ body }) => body['by'])).toEqual([
      domain.owner.id,
    ]);
    expect(
      await codeOf(call('notifications.show', control.as(domain.owner), { params: { id: randomUUID() } })),
    ).toBe('notification.not_found');
  });
});

describe('mail', () => {
  const channel = (more: object = {}) => ({
    kind: 'email' as const,
    host: '127.0.0.1',
    port: mail.port,
    protection: 'none' as const,
    from: 'atf@example.com',
    ...more,
  });

  it('reaches the people concerned, each alone; words of others add no header, no line and no link', async () => {
    await addTarget({ channel: channel({ people: true, to: ['ops@example.com'] }), kinds: ['action_taken'] });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id, {
      summary: 'did\r\nBcc: victim@example.com\r\n\r\nhttps://evil.example',
      purpose: 'visit www.evil.example\u202E',
    });
    await turns();
    expect(mail.mails.map(({ to }) => to.join()).sort()).toEqual([
      'grace.business@example.com',
      'ines.owner@example.com',
      'ops@example.com',
      'tomas.technical@example.com',
    ]);
    const [first] = mail.mails;
    const headers = first?.data.split('\n\n')[0] ?? '';
    expect(headers).not.toMatch(/^bcc:/im);
    expect(headers).toMatch(/^Auto-Submitted: auto-generated/im);
    const text = Buffer.from(
      (first?.data ?? '')
        .replace(/=\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ).toString();
    expect(text).toContain('evil[.]example⟨U+202E⟩');
    expect(text).not.toMatch(/evil\.example/);
    expect(text).toContain(`${control.config.controlUrl}/notifications/`);
  });

  it('goes over TLS under the name of the certificate, and not at all where that does not fit', async () => {
    const tls = await certificateFor('mail.test');
    const secure = await mailReceiver(tls);
    const sender = new Postman(control, { resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
    const protectedChannel = (host: string, authorities?: string) => ({
      ...channel({ to: ['ops@example.com'], user: 'atf', password: 'a password' }),
      host,
      port: secure.port,
      protection: 'starttls' as const,
      ...(authorities === undefined ? {} : { authorities }),
    });
    const tried = async (host: string, authorities?: string) => {
      const { target } = await addTarget({
        channel: protectedChannel(host, authorities),
        kinds: ['action_taken'],
      });
      const call = callerOf(control, notificationRoutes);
      const { id } = await call('targets.test', control.as(domain.operator), { params: { id: target.id } });
      await sender.work();
      await sender.settled();
      return (await call('deliveries.show', control.as(domain.operator), { params: { id } })).problem;
    };
    expect(await tried('mail.test')).toBe('tls_failed');
    expect(await tried('other.test', tls.cert)).toBe('tls_failed');
    expect(secure.mails).toEqual([]);
    expect(await tried('mail.test', tls.cert)).toBeUndefined();
    expect(secure.mails).toMatchObject([{ encrypted: true, user: 'atf', to: ['ops@example.com'] }]);
    // A server that offers no STARTTLS is not talked to in clear.
    const { target } = await addTarget({
      channel: { ...protectedChannel('mail.test', tls.cert), port: mail.port },
      kinds: ['action_taken'],
    });
    const call = callerOf(control, notificationRoutes);
    const { id } = await call('targets.test', control.as(domain.operator), { params: { id: target.id } });
    const before = mail.mails.length;
    await sender.work();
    await sender.settled();
    expect(
      (await call('deliveries.show', control.as(domain.operator), { params: { id } })).problem,
    ).toBeDefined();
    expect(mail.mails).toHaveLength(before);
    await sender.close();
    await secure.close();
  });

  it('a recipient that the server will never take is given up at once, the others are not', async () => {
    await addTarget({ channel: channel({ to: ['gone@example.com'] }), kinds: ['action_taken'] });
    await quiet();
    mail.recipientAnswer = '550 nobody here';
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    await turns();
    mail.recipientAnswer = '250 fine';
    const [row] = await deliveryRows(control.db, 'default', { limit: 1 });
    expect(row).toMatchObject({ state: 'dead', problem: 'smtp_550', attempts: 1 });
  });
});

describe('Slack-compatible', () => {
  it('words of others stand in plain text blocks only', async () => {
    await addTarget({ channel: { kind: 'slack', url: `${web.url}/slack` }, kinds: ['action_taken'] });
    await quiet();
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    const hostile = '<!channel> *bold* <https://evil.example|click> & @here';
    await acted(agent.id, { purpose: hostile });
    await turns();
    const body = JSON.parse(web.received[0]?.body ?? '{}') as {
      text: string;
      unfurl_links: boolean;
      blocks: { type: string; text: { type: string; text: string } }[];
    };
    expect(body.text).not.toContain('channel>');
    expect(body.unfurl_links).toBe(false);
    const claiming = body.blocks.filter(({ text }) => text.text.includes('bold'));
    expect(claiming).toHaveLength(1);
    expect(claiming[0]?.text.type).toBe('plain_text');
    expect(claiming[0]?.text.text).toContain("Claimed by the agent's manifest:");
    const marked = body.blocks.filter(({ text }) => text.type === 'mrkdwn');
    expect(marked.map(({ text }) => text.text)).toEqual([
      expect.stringMatching(
        /^<http:\/\/localhost:7780\/notifications\/[0-9a-f-]+\|Open in ATF, and acknowledge>$/,
      ),
    ]);
  });
});

describe('targets', () => {
  const add = (channel: BodyIn<'targets.add'>['channel'], privateNetwork = false) =>
    codeOf(addTarget({ channel, privateNetwork }));

  it.each([
    ['http://169.254.169.254/latest/meta-data', true],
    ['https://[fd00:ec2::254]/', true],
    ['https://127.0.0.1/', false],
    ['https://10.0.0.7/', false],
    ['https://[::ffff:127.0.0.1]/', false],
    ['http://93.184.215.14/', true],
    ['http://example.com/', false],
    ['https://user:password@93.184.215.14/', false],
    ['https://2130706433/', false],
  ])('%s with the private network %s is refused', async (url, granted) => {
    expect(await add({ kind: 'webhook', url }, granted)).toBe('notification.target_refused');
    expect(await add({ kind: 'slack', url }, granted)).toBe('notification.target_refused');
  });

  it('mail without TLS goes to private addresses only', async () => {
    const channel = { kind: 'email' as const, host: '93.184.215.14', from: 'a@example.com', people: true };
    expect(await add({ ...channel, protection: 'none' }, true)).toBe('notification.target_refused');
    expect(await add({ ...channel, host: '169.254.169.254' }, true)).toBe('notification.target_refused');
    expect(await add({ ...channel, people: false })).toBe('notification.target_refused');
  });

  it('an address that turned bad after it was added is not dialled', async () => {
    await addTarget({ channel: { kind: 'webhook', url: 'https://rebound.invalid/' } });
    await quiet();
    const sender = new Postman(control, { resolve: async () => [{ address: '169.254.169.254', family: 4 }] });
    const agent = await domain.agent(`senior-${randomUUID().slice(0, 6)}`, 'senior');
    await acted(agent.id);
    await sender.work();
    await sender.settled();
    await sender.close();
    const [row] = await deliveryRows(control.db, 'default', { limit: 1 });
    expect(row).toMatchObject({ state: 'waiting', problem: 'address_refused', attempts: 1 });
  });

  it('keeps secrets in an envelope, tells them once, and forgets them with the target', async () => {
    const { target, signingSecret = '' } = await addTarget({ channel: webhook('/services/T0/SECRETPATH') });
    const dump = async () =>
      JSON.stringify(
        await control.db.selectFrom('notification_target').selectAll().execute(),
        (_, value: unknown) =>
          value instanceof Uint8Array || (value as { type?: string } | null)?.type === 'Buffer'
            ? Buffer.from((value as { data?: number[] }).data ?? (value as Uint8Array)).toString('latin1')
            : value,
      );
    expect(await dump()).not.toContain('SECRETPATH');
    expect(await dump()).not.toContain(signingSecret.slice(6, 20));
    expect(JSON.stringify(await control.events())).not.toContain('SECRETPATH');
    expect(target.destination).toBe(web.url);
    const call = callerOf(control, notificationRoutes);
    expect(JSON.stringify(await call('targets.list', control.as(domain.operator)))).not.toContain(
      'SECRETPATH',
    );
    expect(await codeOf(addTarget({ channel: webhook(), name: target.name }))).toBe(
      'notification.target_exists',
    );
    await call('targets.remove', control.as(domain.operator), { params: { id: target.id } });
    added.splice(added.indexOf(target.id), 1);
    const row = await control.db
      .selectFrom('notification_target')
      .selectAll()
      .where('id', '=', target.id)
      .executeTakeFirst();
    expect(row).toMatchObject({ box: null, kid: null });
    // The name is free again.
    await addTarget({ channel: webhook(), name: target.name });
  });

  it('a test message says that it is one', async () => {
    const { target } = await addTarget({ channel: webhook() });
    await quiet();
    const call = callerOf(control, notificationRoutes);
    const { id } = await call('targets.test', control.as(domain.operator), { params: { id: target.id } });
    await turns();
    expect(bodyOf(0)).toMatchObject({
      type: 'atf.test',
      data: { headline: 'A test of this target: nothing happened' },
    });
    expect(web.received[0]?.headers['webhook-id']).toBe(`msg_${id}`);
  });
});
