/**
 * How many calls are usual, and what happens above twice of that (S-3), through the front door: weeks of an agent's work under a clock that is set, then a burst; over crashes of both
 * planes; a person lifts it; the record replays.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { sha256 } from '@atf/core/digest';
import { unthrottleShownText } from '@atf/core/wire/adaptive';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { HostClock, libfaketime } from './host-clock.ts';
import { call, Product, until } from './product.ts';
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

describe.skipIf(libfaketime === undefined)('volume', { timeout: 300_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'atf-volume-'));
  const clock = new HostClock(dir);
  let product: Product;
  let office: Client;
  let base: number;
  const at = (hours: number) => clock.set(base + hours * hour);
  const volume = async () =>
    (await product.operator()).call('agents.volume', { params: { id: 'senior-support' } });
  const read = async () => (await call(office, 'get_order', { order_id: 'O-5001' })).atf.code;
  const served = () =>
    until(
      'reads to be served',
      async () => ((await read().catch(() => 'no')) === undefined ? true : undefined),
      60_000,
    );
  const counted = (calls: number) =>
    until(`${calls} calls to be counted`, async () => ((await volume()).calls >= calls ? true : undefined));
  const connect = async () => {
    office = await until('an agent', () =>
      product
        .agent('senior-support')
        .then((agent) => agent.mcp('back-office'))
        .catch(() => undefined),
    );
  };

  beforeAll(async () => {
    // At the half of an hour, so that what is done in it does not run into the next one.
    base = Math.round(hour / 2 - ((Date.now() / 1_000) % hour));
    clock.set(base);
    product = await Product.start({ env: clock.env });
    await connect();
    for (let played = 0; played < hoursPlayed; played++) {
      at(played * stepHours);
      await served();
      for (let each = (await volume()).calls; each < usual; each++) expect(await read()).toBeUndefined();
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
    await product.crash(plane);
    await product.serving();
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
});
