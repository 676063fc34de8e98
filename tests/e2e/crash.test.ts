/**
 * The product under `kill -9` (B-1, invariants 1, 4, 6): one plane at a time while agents work and people approve, then both at once.
 * What is true afterwards is read from the log, verified as an outsider would, and from the back office's own file of effects.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '@atf/core/audit/entry';
import { sha256 } from '@atf/core/digest';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Random } from '../simulator/random.ts';
import { type Answer, callOnce, Product, resume, root, type Signed, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';
import { checkpointOf, logSettled, readLog } from './read-log.ts';

const seed = Number(process.env.ATF_SEED ?? Date.now() % 1_000_000);
/** Each plane at each moment, a few times. */
const kills = 16;
const readers = 4;
const readPauseMs = 25;
const equalRetries = 8;
/** Refusals and questions of one agent with one code that get a record of their own in a minute; what is beyond is counted. */
const singlesPerMinute = 60;
const minuteMs = 60_000;
const roundWithinMs = 120_000;
const timeout = 480_000;

interface Told extends Answer {
  readonly agent: string;
  readonly actionId: string;
  readonly atMs: number;
}

interface Refund {
  readonly amount: number;
  readonly approvalId: string;
  /** Results that somebody got for it. */
  readonly results: Told[];
  readonly during: Kill['during'];
}

let product: Product;
let approver: Signed;
let office: { readonly reader: Client; readonly junior: Client; readonly senior: Client };
const told: Told[] = [];
const refunds: Refund[] = [];
let unanswered = 0;

beforeAll(async () => {
  process.stdout.write(`crash test: ATF_SEED=${seed}\n`);
  product = await Product.start();
  approver = await product.signIn('paula.reyes@example.com');
  const operator = await product.operator();
  const manifest = readerManifest('crash-reader', ['back-office/get_order']);
  await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  await widenJunior();
  office = {
    reader: await (await product.agent('crash-reader')).mcp('back-office'),
    junior: await (await product.agent('junior-support')).mcp('back-office'),
    senior: await (await product.agent('senior-support')).mcp('back-office'),
  };
}, 120_000);
afterAll(async () => product.remove());

/** A crash resets no limit, so the Junior gets one that twenty rounds do not use up; security lifts the ceiling that a wider version gets. */
async function widenJunior(): Promise<void> {
  const operator = await product.operator();
  const before = await readFile(join(root, 'examples/workspace/agents/junior-support.yaml'), 'utf8');
  const manifest = before
    .replace(/^version: .*$/m, 'version: 9.0.0')
    .replace(/max: \d+, perSeconds/g, 'max: 100000, perSeconds');
  const { id } = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  const scope = { kind: 'agent' as const, id };
  await operator.call('containment.stop', { body: { scope, state: 'paused', reason: 'wider limits' } });
  const security = await product.signIn('yuki.mori@example.com');
  await resume(security, { scope, reason: 'reviewed', ceiling: 'none' });
  await until('the Junior to be served', async () => {
    const asked = await callOnce(
      await (await product.agent('junior-support')).mcp('back-office'),
      'list_orders',
      {},
    ).catch(() => undefined);
    return asked?.isError === false ? true : undefined;
  });
}

/** One call; undefined when nothing answered, or nobody could say which action it was. */
async function ask(
  agent: keyof typeof office,
  tool: string,
  args: Record<string, unknown>,
): Promise<Told | undefined> {
  const answer = await callOnce(office[agent], tool, args).catch(() => undefined);
  const actionId = answer?.atf.actionId;
  if (answer === undefined || actionId === undefined) {
    unanswered++;
    return undefined;
  }
  const whole = { ...answer, agent, actionId, atMs: Date.now() };
  told.push(whole);
  return whole;
}

const refundOf = (amount: number) => ({
  order_id: 'O-5005',
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});

/** Reads until told to end; after anything but a result it waits until the gateway serves again. */
async function readOn(ended: () => boolean): Promise<void> {
  while (!ended()) {
    const answer = await ask('reader', 'get_order', { order_id: 'O-5001' });
    if (answer === undefined || answer.isError) await product.serving();
    // Work goes on all the time, and leaves the machine to those who start again.
    await new Promise((done) => setTimeout(done, readPauseMs));
  }
}

/** An approval for a refund of this amount, asked for as often as it takes. */
async function requested(amount: number, during: Kill['during']): Promise<Refund> {
  let last: Told | undefined;
  const approvalId = await until(
    `an approval for ${amount}`,
    async () => {
      const answer = await ask('junior', 'create_refund', refundOf(amount));
      last = answer;
      if (answer?.atf.code === 'maturity.approval_required') return answer.atf.approvalId;
      await product.serving();
      return undefined;
    },
    roundWithinMs,
  ).catch((fault: Error) => {
    throw new Error(`${fault.message}; the last answer was ${JSON.stringify(last?.atf)}`);
  });
  const refund = { amount, approvalId, during, results: [] };
  refunds.push(refund);
  return refund;
}

/** Approved by a person, who looks again and confirms anew when control went away meanwhile. */
async function approve({ approvalId: id }: Refund): Promise<void> {
  const once = async (): Promise<true | undefined> => {
    const shown = await approver.client.call('approvals.show', { params: { id } });
    if (shown.state !== 'waiting') return true;
    const presence = await approver.presence({ kind: 'approval', id, digest: shown.shownDigest });
    await approver.client.call('approvals.approve', {
      params: { id },
      body: { shownDigest: shown.shownDigest, presence },
    });
    return true;
  };
  await until(`the approval ${id}`, () => once().catch(() => undefined), roundWithinMs);
}

/** Whether control has ended it without knowing what came of it; a gateway that could not ask says so for a while, too. */
async function endedUnknown({ approvalId: id }: Refund): Promise<boolean> {
  const shown = await approver.client.call('approvals.show', { params: { id } }).catch(() => undefined);
  return shown?.state === 'unknown';
}

/** Repeats the same call until it has a result, or until it is certain that nobody knows what came of it. */
async function redeem(refund: Refund, settled: () => boolean): Promise<void> {
  await until(
    `the end of approval ${refund.approvalId}`,
    async () => {
      const final = settled();
      const answer = await ask('junior', 'create_refund', refundOf(refund.amount));
      if (answer !== undefined && !answer.isError) {
        if (answer.atf.approvalId === refund.approvalId) refund.results.push(answer);
        return true;
      }
      // Another approval, or none: what this one released is over, and this call is not repeated under it.
      const other = answer?.atf.approvalId !== undefined && answer.atf.approvalId !== refund.approvalId;
      if (final && other) return true;
      const unknown = answer?.atf.code === 'maturity.approval_outcome_unknown';
      if (final && unknown && (await endedUnknown(refund))) return true;
      await product.serving();
      await new Promise((done) => setTimeout(done, 100));
      return undefined;
    },
    roundWithinMs,
  );
}

interface Kill {
  readonly plane: 'control' | 'gateway';
  readonly during: 'request' | 'approval' | 'redemption';
  readonly afterMs: number;
}

const moments = ['request', 'redemption', 'approval', 'redemption'] as const;

/** As many of one plane as of the other, each as often at each moment, in an order that the seed chooses. */
function planned(random: Random): Kill[] {
  const plan = Array.from(
    { length: kills },
    (_, at): Kill => ({
      plane: at % 2 === 0 ? 'control' : 'gateway',
      during: moments[Math.floor(at / 2) % moments.length] ?? 'redemption',
      afterMs: random.between(0, 80),
    }),
  );
  for (let at = plan.length - 1; at > 0; at--) {
    const other = random.int(0, at);
    [plan[at], plan[other]] = [plan[other] as Kill, plan[at] as Kill];
  }
  return plan;
}

async function round(kill: Kill, amount: number): Promise<void> {
  let over = false;
  const killed = async () => {
    await new Promise((done) => setTimeout(done, kill.afterMs));
    await product.crash(kill.plane);
    over = true;
  };
  const crashes: Promise<void>[] = [];
  if (kill.during === 'request') crashes.push(killed());
  const refund = await requested(amount, kill.during);
  if (kill.during === 'approval') crashes.push(killed());
  await approve(refund);
  // Only a crash that may come between release and outcome can cost the result.
  await Promise.all(crashes);
  if (kill.during === 'redemption') crashes.push(killed());
  await Promise.all(Array.from({ length: equalRetries }, () => redeem(refund, () => over)));
  await Promise.all(crashes);
}

const refundsMade = (amount: number): number =>
  readFileSync(join(product.dataDir, 'back-office/effects.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { effect: string; amount?: number })
    .filter((line) => line.effect === 'refund.created' && line.amount === amount).length;

const decisions = new Set(['action.intent', 'action.refused', 'action.asked']);

/** What the log says of one action. */
interface Recorded {
  readonly decisions: string[];
  readonly outcomes: string[];
}

function byAction(entries: readonly Entry[]): Map<string, Recorded> {
  const actions = new Map<string, Recorded>();
  for (const { type, action, outcome } of entries) {
    if (action === undefined) continue;
    const held = actions.get(action) ?? { decisions: [], outcomes: [] };
    actions.set(action, held);
    if (decisions.has(type)) held.decisions.push(type);
    if (type === 'action.outcome') held.outcomes.push(outcome ?? '');
  }
  return actions;
}

/** Decisions other than `allowed` in one minute and the one before: beyond a bound, repeats are counted and not recorded. */
function singlesAround(entries: readonly Entry[], agentId: string, atMs: number): number {
  const minute = Math.floor(atMs / minuteMs);
  return entries.filter(
    ({ type, agent, at }) =>
      (type === 'action.asked' || type === 'action.refused') &&
      agent === agentId &&
      minute - Math.floor(Date.parse(at) / minuteMs) <= 1 &&
      Date.parse(at) <= atMs + minuteMs,
  ).length;
}

async function expectAllRecorded(entries: readonly Entry[]): Promise<void> {
  const actions = byAction(entries);
  const operator = await product.operator();
  const ids = new Map<string, string>();
  for (const { name, id } of (await operator.call('agents.list')).items) ids.set(name, id);
  const idOf = {
    reader: ids.get('crash-reader'),
    junior: ids.get('junior-support'),
    senior: ids.get('senior-support'),
  };
  for (const answer of told) {
    const recorded = actions.get(answer.actionId);
    const said = `${answer.agent} ${answer.actionId} ${answer.atf.code ?? 'result'}`;
    // That a call cannot be recorded is the one refusal that cannot be on record.
    if (answer.atf.code === 'audit.record_unavailable') continue;
    const ownResult = !answer.isError && answer.atf.approvalId === undefined;
    if (recorded === undefined && !ownResult) {
      const agentId = idOf[answer.agent as keyof typeof idOf] ?? '';
      expect(singlesAround(entries, agentId, answer.atMs), `${said} is not on record`).toBeGreaterThanOrEqual(
        singlesPerMinute,
      );
      continue;
    }
    expect(recorded?.decisions, said).toHaveLength(1);
    if (ownResult) expect(recorded?.outcomes, said).toEqual(['done']);
    else if (recorded?.decisions[0] === 'action.intent') expect(recorded.outcomes, said).toHaveLength(1);
  }
  for (const [action, recorded] of actions)
    if (recorded.decisions.includes('action.intent')) expect(recorded.outcomes, action).toHaveLength(1);
}

function expectReleasedOnce(entries: readonly Entry[]): void {
  for (const { amount, approvalId, results } of refunds) {
    const released = entries.filter(
      ({ type, body }) => type === 'action.intent' && body.approvalId === approvalId,
    );
    expect(released.length, approvalId).toBeLessThanOrEqual(1);
    const made = refundsMade(amount);
    expect(made, `effects of ${approvalId}`).toBeLessThanOrEqual(1);
    if (results.length > 0) expect(made, `effects of ${approvalId}`).toBe(1);
    expect(new Set(results.map(({ text }) => text)).size, `results of ${approvalId}`).toBeLessThanOrEqual(1);
  }
}

/** Without a result are only those that a crash struck while they were released, and the log says so of each. */
function expectLossesExplained(entries: readonly Entry[]): void {
  for (const { amount, approvalId, during, results } of refunds) {
    if (results.length > 0) continue;
    expect(during, `when the refund of ${amount} without a result was struck`).toBe('redemption');
    const ended = entries.findLast(
      ({ type, body }) => type === 'approvals.finished' && body.approvalId === approvalId,
    );
    expect(['unknown', 'not_executed'], `the end of ${approvalId}`).toContain(ended?.body.status);
  }
}

it('every acknowledged record is in the log, which verifies, and nothing was released twice', {
  timeout,
}, async () => {
  const plan = planned(new Random(seed));
  const startedMs = performance.now();
  let ended = false;
  const reading = Promise.all(Array.from({ length: readers }, () => readOn(() => ended)));
  let remembered = '';
  try {
    for (const [at, kill] of plan.entries()) {
      remembered = checkpointOf(product);
      await round(kill, (100 + at + 1) / 100);
    }
  } finally {
    ended = true;
    await reading;
  }
  expect(product.restarts('control') + product.restarts('gateway')).toBe(kills);

  await logSettled(product);
  const { report, entries } = await readLog(product, remembered);
  expect(report, JSON.stringify(report.problems.slice(0, 5))).toMatchObject({ ok: true });
  await expectAllRecorded(entries);
  expectReleasedOnce(entries);
  expectLossesExplained(entries);

  const operator = await product.operator();
  // Stored results handed to a flood of equal retries are counted instead of recorded one by one; `expectAllRecorded` has checked which.
  const recorded = byAction(entries);
  const shown = told.filter(
    ({ actionId, isError, atf }, at) =>
      !isError && recorded.has(actionId) && (atf.approvalId !== undefined || at % 97 === 0),
  );
  expect(shown.length).toBeGreaterThan(0);
  for (const { actionId, atf } of shown) {
    const story = await operator.call('actions.show', { params: { id: actionId } });
    const types = story.records.map(({ entry }) => (JSON.parse(entry) as Entry).type);
    expect(
      types.filter((type) => decisions.has(type)),
      actionId,
    ).toHaveLength(1);
    if (atf.approvalId === undefined) expect(types, actionId).toContain('action.outcome');
  }
  const results = refunds.filter((refund) => refund.results.length > 0).length;
  const reads = told.filter(({ agent, isError }) => agent === 'reader' && !isError).length;
  process.stdout.write(
    `crash test: ${kills} kills in ${Math.round((performance.now() - startedMs) / 1000)} s, ${reads} reads, ${results} of ${refunds.length} refunds with a result, ${unanswered} calls without an answer, log of ${entries.length}\n`,
  );
  expect(reads).toBeGreaterThan(kills);
});

it('both planes at once: everything is there again, and who was stopped stays stopped', {
  timeout,
}, async () => {
  const operator = await product.operator();
  const before = (await operator.call('agents.list')).items.map(({ name, id, level }) => ({
    name,
    id,
    level,
  }));
  const { id } = await operator.call('agents.show', { params: { id: 'senior-support' } });
  await operator.call('containment.stop', {
    body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'drill' },
  });
  const waiting = await requested(2.01, 'request');
  const approved = await requested(2.02, 'approval');
  await approve(approved);
  const remembered = checkpointOf(product);

  const answeredBefore = told.length;
  let ended = false;
  const reading = Promise.all(
    Array.from({ length: readers }, async () => {
      while (!ended) if ((await ask('reader', 'get_order', { order_id: 'O-5001' })) === undefined) return;
    }),
  );
  await until('reads under way', () => (told.length > answeredBefore + 20 ? true : undefined), 30_000);
  await product.killAll();
  ended = true;
  await reading;
  product = await Product.start({ home: product.home, ports: product.ports });
  await product.serving();

  const again = await product.operator();
  expect(
    (await again.call('agents.list')).items.map(({ name, id: agentId, level }) => ({
      name,
      id: agentId,
      level,
    })),
  ).toEqual(before);
  expect(await again.call('agents.show', { params: { id } })).toMatchObject({ state: 'killed' });
  expect((await again.call('containment.list')).items).toMatchObject([
    { scope: { kind: 'agent', id }, state: 'killed' },
  ]);
  const stopped = await callOnce(office.senior, 'get_order', { order_id: 'O-5001' }).then(
    ({ atf }) => atf.code ?? 'answered',
    (error: Error) => error.message,
  );
  expect(stopped).toMatch(/containment\.agent_stopped|identity\.credential_revoked|401/);

  expect(await again.call('approvals.show', { params: { id: waiting.approvalId } })).toMatchObject({
    state: 'waiting',
  });
  expect(await again.call('approvals.show', { params: { id: approved.approvalId } })).toMatchObject({
    state: 'approved',
  });
  // The same people and the same agents go on with what they hold.
  await approve(waiting);
  for (const refund of [waiting, approved]) {
    await redeem(refund, () => true);
    expect(refundsMade(refund.amount)).toBe(1);
  }
  await expect(again.call('agents.joinToken', { params: { id } })).rejects.toMatchObject({
    code: expect.stringMatching(/^containment\./),
  });
  expect(sha256(remembered)).not.toBe(sha256(checkpointOf(product)));

  await logSettled(product);
  const { report, entries } = await readLog(product, remembered);
  expect(report, JSON.stringify(report.problems.slice(0, 5))).toMatchObject({ ok: true });
  await expectAllRecorded(entries);
  expectReleasedOnce(entries);
});
