/**
 * How many calls are usual, and what happens above twice of that (S-3), through the front door: weeks of an agent's work under a clock that is set, then a burst; over crashes of both
 * planes; a person lifts it; the record replays. And the rate of a Principal that follows what is usual for it: begun, spent by its instances together, raised after a quiet week, and no wider by a demotion.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { sha256 } from '@atf/core/digest';
import { unthrottleShownText } from '@atf/core/wire/adaptive';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { HostClock, libfaketime } from './host-clock.ts';
import { call, Product, root, until } from './product.ts';
import { logSettled, readLog } from './read-log.ts';

if (libfaketime === undefined)
  process.stderr.write(
    'SKIPPED: no weeks of work were played, because libfaketime is not installed (apt-get install libfaketime).\n',
  );

const hour = 3_600;
/** Enough for a baseline, which is made once a day: a day begins after a week and 24 hours with a call in them, whatever time it is now. */
const hoursPlayed = 28;
const stepHours = 7;
const usual = 12;
const principal = 'principal-operations';

describe.skipIf(libfaketime === undefined)('volume', { timeout: 300_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'atf-volume-'));
  const clock = new HostClock(dir);
  let product: Product;
  let office: Client;
  let desk: Client;
  let base: number;
  const at = (hours: number) => clock.set(base + hours * hour);
  const volume = async (id = 'senior-support') =>
    (await product.operator()).call('agents.volume', { params: { id } });
  const followed = async () => (await volume(principal)).followed;
  const read = async () => (await call(office, 'get_order', { order_id: 'O-5001' })).atf.code;
  const look = (by = desk) => call(by, 'get_order', { order_id: 'O-5001' });
  const servedBy = (reads: () => Promise<string | undefined>) =>
    until(
      'reads to be served',
      async () => ((await reads().catch(() => 'no')) === undefined ? true : undefined),
      60_000,
    );
  const served = () => servedBy(read);
  /** Calls of its instances in turn, until one is refused for its rate. */
  const refusedForRate = async (...instances: Client[]) => {
    for (let each = 0; each < 60; each++) {
      const answer = await look(instances[each % instances.length]);
      if (answer.atf.code === 'segmentation.rate_exceeded') return answer.text;
    }
    throw new Error('no call was refused for its rate');
  };
  const counted = (calls: number) =>
    until(`${calls} calls to be counted`, async () => ((await volume()).calls >= calls ? true : undefined));
  const clientOf = (name: string) =>
    until('an agent', () =>
      product
        .agent(name)
        .then((agent) => agent.mcp('back-office'))
        .catch(() => undefined),
    );
  const connect = async () => {
    office = await clientOf('senior-support');
  };

  beforeAll(async () => {
    // At the half of an hour, so that what is done in it does not run into the next one.
    base = Math.round(hour / 2 - ((Date.now() / 1_000) % hour));
    clock.set(base);
    const policies = join(dir, 'policies');
    cpSync(join(root, 'policies'), policies, { recursive: true });
    const settings = join(policies, 'settings.yaml');
    // What the agent had before is what its rate begins with.
    const had = 'principal: { max: 1200, perSeconds: 60 }';
    const text = readFileSync(settings, 'utf8').replace(had, 'principal: { max: 6, perSeconds: 60 }');
    writeFileSync(settings, `${text}\ncallsFollowed: { floor: 2, ceiling: 9 }\n`);
    product = await Product.start({ args: ['--policies', policies], env: clock.env });
    await connect();
    desk = await clientOf(principal);
    for (let played = 0; played < hoursPlayed; played++) {
      at(played * stepHours);
      await served();
      for (let each = (await volume()).calls; each < usual; each++) expect(await read()).toBeUndefined();
      await servedBy(async () => (await look()).atf.code);
      await counted(usual);
    }
    at(hoursPlayed * stepHours);
    await served();
  }, 240_000);
  afterAll(async () => {
    clock.restore();
    await product?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  it('shows what is usual', async () => {
    const { baseline, throttledAbove } = await until('a baseline', async () => {
      const found = await volume();
      return found.baseline === undefined ? undefined : found;
    });
    expect(baseline).toBeGreaterThanOrEqual(usual);
    expect(throttledAbove).toBe((baseline as number) * 2);
    const shown = await atf(['agent', 'show', 'senior-support', '--data', product.dataDir]);
    expect(shown.stdout).toContain(`${baseline} are usual, above ${throttledAbove} it is throttled`);
  });

  it('the rate of a Principal begins with no more than it had; its instances share it; people see it', async () => {
    const rate = await until('a rate that follows', followed);
    // One call an hour, which counts as ten.
    expect(rate).toMatchObject({ baseline: 10, max: 6, perSeconds: 60 });
    expect((await volume()).followed).toBeUndefined();
    const text = await refusedForRate(desk, await clientOf(principal));
    expect(text).toContain('rate:followed: 6 calls per 60 s, which follows the 10 an hour');
    const words = '6 calls in 60 s, which follow what is usual';
    const shown = await atf(['agent', 'show', principal, '--data', product.dataDir]);
    expect(shown.stdout).toContain(words);
    const rights = await atf(['agent', 'rights', principal, '--json', '--data', product.dataDir]);
    expect(rights.stdout).toContain(words);
  });

  it('above twice of it the agent is throttled, told when to come back, and people are told', async () => {
    const { throttledAbove = 0 } = await volume();
    for (let each = (await volume()).calls; each <= throttledAbove; each++) await read();
    const code = await until('the throttle', async () => {
      const refused = await read();
      return refused === 'segmentation.throttled' ? refused : undefined;
    });
    expect(code).toBe('segmentation.throttled');
    const { throttle } = await volume();
    expect(throttle).toMatchObject({ max: 1 });
    const answer = await call(office, 'get_order', { order_id: 'O-5001' });
    expect(answer.text).toMatch(/S-3/);
    expect(answer.text).toContain('Try again after');
    const { items } = await (await product.signIn('paula.reyes@example.com')).client.call(
      'notifications.list',
    );
    expect(items.map(({ kind }) => kind)).toContain('agent_throttled');
  });

  it.each(['control', 'gateway'] as const)('is not forgotten when %s crashes', async (plane) => {
    const rate = await followed();
    await product.crash(plane);
    await product.serving();
    expect(await until('control', () => followed().catch(() => undefined))).toEqual(rate);
    await connect();
    expect(await until('an answer', async () => (await read()) ?? 'ran')).toBe('segmentation.throttled');
  });

  it('the record holds why: what the decision knew of the throttle', async () => {
    await logSettled(product);
    const { entries } = await readLog(product);
    const refused = entries.filter(
      ({ type, body }) => type === 'action.refused' && body['code'] === 'segmentation.throttled',
    );
    expect(refused.length).toBeGreaterThan(0);
    const { throttle } = await volume();
    for (const { body } of refused) expect(body).toMatchObject({ facts: { agent: { throttle } } });
    const told = entries.filter(({ type }) => type === 'segmentation.agent_throttled');
    expect(told).toHaveLength(1);
    // Decided again from its record, nothing of what the agent did comes out otherwise.
    const [again] = documents(
      await atf(['agent', 'try-level', 'senior-support', 'senior', '--json', '--data', product.dataDir]),
    );
    expect(again).toMatchObject({ agent: 'senior-support', changed: 0, unreplayable: [] });
  });

  it('a person who answers for it lifts it for the rest of the hour; the token of the host does not', async () => {
    const { throttle } = await volume();
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'senior-support' } });
    const reason = 'month end';
    const presence = 'x'.repeat(40);
    await expect(
      operator.call('agents.unthrottle', { params: { id }, body: { reason, presence } }),
    ).rejects.toThrow();
    const owner = await product.signIn('ines.marchetti@example.com');
    const digest = sha256(unthrottleShownText({ agentId: id, since: throttle?.since ?? '', reason }));
    const token = await owner.presence({ kind: 'level', id, digest });
    await owner.client.call('agents.unthrottle', { params: { id }, body: { reason, presence: token } });
    await until('calls to run', async () => ((await read()) === undefined ? true : undefined));
    expect(await read()).toBeUndefined();
  });

  it('what speaks against it keeps it from being raised for a week', async () => {
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: principal } });
    at(hoursPlayed * stepHours + 6 * 24);
    await operator.call('agents.revokeSessions', { params: { id }, body: { reason: 'a drill' } });
    at(hoursPlayed * stepHours + 8 * 24);
    const held = async () => {
      const rate = await followed().catch(() => undefined);
      return rate?.held === undefined ? undefined : rate;
    };
    expect(await until('a raise that is due', held)).toMatchObject({ max: 6, held: 'revoked' });
  });

  it('after a week in which nothing was against it, it is raised by a quarter; the log says when', async () => {
    at(hoursPlayed * stepHours + 16 * 24);
    const raised = async () => {
      const rate = await followed().catch(() => undefined);
      return rate === undefined || rate.max === 6 ? undefined : rate;
    };
    expect(await until('the raise', raised)).toMatchObject({ max: 7 });
    await logSettled(product);
    const { entries } = await readLog(product);
    const told = entries.filter(({ type }) => type === 'segmentation.rate_followed');
    expect(told.map(({ body }) => body['is'])).toMatchObject([
      { max: 6 },
      { max: 6, held: 'revoked' },
      { max: 7 },
    ]);
    const [again] = documents(
      await atf(['agent', 'try-level', principal, 'principal', '--json', '--data', product.dataDir]),
    );
    expect(again).toMatchObject({ agent: principal, changed: 0, unreplayable: [] });
  });

  it('a demotion gives nobody more: it outlives that, beside the rate of the lower level; each past moment says what was', async () => {
    const operator = await product.operator();
    const before = readFileSync(join(root, `examples/workspace/agents/${principal}.yaml`), 'utf8');
    // A version that may more than the one before is held at Intern until somebody has looked at it.
    const manifest = before
      .replace(/^version: .*$/m, 'version: 9.0.0')
      .replace('tools:\n', 'tools:\n  - back-office/cancel_refund\n');
    const { id, ceiling } = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    expect(ceiling).toBe('intern');
    desk = await clientOf(principal);
    expect(await refusedForRate(desk)).toContain('rate:followed: 7 calls per 60 s');

    await logSettled(product);
    const { entries } = await readLog(product);
    const followedAt = entries.filter(({ type }) => type === 'segmentation.rate_followed');
    // The record of the version tells the ceiling under which it begins.
    const demoted = entries.findLast(
      ({ type, body }) => type === 'identity.agent_registered' && body['agent'] === principal,
    );
    expect(demoted?.body).toMatchObject({ version: '9.0.0', ceiling: 'intern' });
    const rightsAt = async (ms: number) => {
      const {
        level,
        ceiling: capped,
        items,
      } = await operator.call('agents.rightsAt', {
        params: { id },
        query: { at: new Date(ms).toISOString() },
      });
      const limits = items.find(({ tool }) => tool === 'back-office/get_order')?.limits.join('; ') ?? '';
      return [capped ?? level, /all tools together: (\d+) calls/.exec(limits)?.[1]];
    };
    const [first, , raised] = followedAt.map(({ at: time }) => Date.parse(time));
    const lowered = Date.parse(demoted?.at ?? '');
    expect(await rightsAt((first as number) - 1)).toEqual(['principal', undefined]);
    expect(await rightsAt((raised as number) - 1)).toEqual(['principal', '6']);
    expect(await rightsAt(lowered - 1)).toEqual(['principal', '7']);
    expect(await rightsAt(lowered + 1)).toEqual(['intern', '7']);
    const said = await atf(['agent', 'rights', principal, '--json', '--data', product.dataDir]);
    expect(said.stdout).toContain('7 calls in 60 s, which follow what is usual');
  });
});
