/**
 * Two control replicas and two gateways on one PostgreSQL (B-1, R-2, I-2; invariants 1, 2, 4, 8): what production runs, and what happens to it when the
 * one that leads is killed or paused while agents work.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyLogDirectory } from '@atf/cli/audit-dir';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '@atf/core/digest';
import { loweredShownText } from '@atf/core/wire/labels';
import { dpopProof } from '@atf/sdk/agent-key';
import { postgresBinaries } from '../postgres/cluster.ts';
import { atf } from './cli-run.ts';
import { Fleet, type FleetAgent } from './fleet.ts';
import { type Answer, approve, atOnceMs, call, callOnce, released, resume, root, until } from './product.ts';
import { entriesIn } from './read-log.ts';
import { type RawAnswer, rawCall } from './raw-call.ts';
import { readerManifest } from './reader-manifest.ts';

const settleMs = 60_000;
const readPauseMs = 10;
/** Under load is when so many reads were answered. */
const readsEnough = 20;

let fleet: Fleet;
let readers: readonly FleetAgent[];
let offices: readonly Client[];

/** What a replica's log says now, once nothing waits any more. */
async function settled(at: number): Promise<string> {
  const operator = fleet.operator(at);
  return until(
    'every record to be in the log',
    async () => {
      const { gateways } = await operator.call('overview');
      const { pending, checkpoint } = await operator.call('audit.status');
      return pending === 0 && gateways.every(({ spoolBehind }) => spoolBehind === 0) ? checkpoint : undefined;
    },
    settleMs,
  );
}

/** A copy of the log as this replica hands it out, verified as an outsider would; gives its size and the ids of its finished actions. */
async function copied(
  at: number,
): Promise<{ size: number; outcomes: Map<string, number>; intents: Set<unknown> }> {
  const folder = mkdtempSync(join(tmpdir(), 'atf-log-'));
  try {
    const { url, dir } = fleet.controls[at] as (typeof fleet.controls)[number];
    const target = join(folder, 'log');
    const ran = await atf(['audit', 'copy', target, '--json', '--data', dir, '--control', url]);
    expect(ran.code, ran.stderr).toBe(0);
    const report = await verifyLogDirectory(target);
    expect(report, JSON.stringify(report.problems.slice(0, 5))).toMatchObject({ ok: true });
    const outcomes = new Map<string, number>();
    const intents = new Set<unknown>();
    for (const { type, action, body } of await entriesIn(target, report.size)) {
      if (type === 'action.intent') intents.add(body['approvalId']);
      if (type === 'action.outcome' && action !== undefined)
        outcomes.set(action, (outcomes.get(action) ?? 0) + 1);
    }
    return { size: report.size, outcomes, intents };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads at both gateways until told to end; gives the ids of the actions whose results somebody got, and how long nobody got one. */
function reading(): {
  /** Resolves when so many more have been read. */
  read(more: number): Promise<void>;
  end(): Promise<{ acknowledged: string[]; longestGapMs: number }>;
} {
  let ended = false;
  const acknowledged: string[] = [];
  let lastMs = performance.now();
  let longestGapMs = 0;
  const loops = offices.map(async (office) => {
    while (!ended) {
      const answer: Answer | undefined = await callOnce(office, 'get_order', { order_id: 'O-5001' }).catch(
        () => undefined,
      );
      if (answer?.isError === false && answer.atf.actionId !== undefined) {
        acknowledged.push(answer.atf.actionId);
        longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
      await new Promise((done) => setTimeout(done, readPauseMs));
    }
  });
  return {
    async read(more) {
      const wanted = acknowledged.length + more;
      await until(`${more} reads`, () => (acknowledged.length >= wanted ? true : undefined), settleMs);
    },
    async end() {
      ended = true;
      await Promise.all(loops);
      return { acknowledged, longestGapMs };
    },
  };
}

const refund = (amount: number) => ({
  order_id: 'O-5005',
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});

/** Refunds of this amount that either back office has really made. */
const refundsMade = (amount: number): number =>
  fleet.gateways
    .flatMap(({ dir }) => {
      try {
        return readFileSync(join(dir, 'work/back-office/effects.log'), 'utf8').split('\n');
      } catch {
        return [];
      }
    })
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { effect: string; amount?: number })
    .filter((line) => line.effect === 'refund.created' && line.amount === amount).length;

const asks = { server: 'fleet-everything', tool: 'test_input_required_result_elicitation' } as const;
/** A tool server behind both gateways that asks agents, and an agent that may call its tool. */
async function addAsking(): Promise<void> {
  const { server, tool } = asks;
  const script = join(root, 'tests/e2e/everything-server.mjs');
  for (const { dir } of fleet.gateways)
    appendFileSync(
      join(dir, 'servers.yaml'),
      `\n${server}: ${JSON.stringify({ command: process.execPath, args: [script, '--dir', join(dir, 'work')] })}\n`,
    );
  const operator = fleet.operator(0);
  const facts = { domain: 'orders', outputTrust: 'trusted' } as const;
  await operator.call('servers.add', { body: { name: server, transport: { kind: 'stdio' }, ...facts } });
  await until('the server to be discovered', async () => {
    const { items } = await operator.call('tools.list');
    return items.some((each) => each.server === server && each.name === tool) ? true : undefined;
  });
  await operator.call('tools.classify', {
    params: { server, name: tool },
    body: { class: 'read', sensitivity: 'public', domain: 'orders' },
  });
  await operator.call('servers.mayAsk', { params: { name: server }, body: { mayAsk: ['elicitation'] } });
  const manifest = readerManifest('replica-asked', [`${server}/${tool}`]);
  await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
}

const leaderOf = (): Promise<number> => until('one replica to lead', () => fleet.leader(), settleMs);

describe.skipIf(postgresBinaries() === undefined)('two replicas, two gateways', () => {
  beforeAll(async () => {
    fleet = await Fleet.start();
    // Before the first person has a factor: later somebody would have to clear it.
    await addAsking();
    const manifest = readerManifest('replica-reader', ['back-office/get_order']);
    await fleet.operator(1).call('agents.register', { body: { manifest, format: 'yaml' } });
    readers = [
      await fleet.agent('replica-reader', { gateway: 0, control: 0 }),
      await fleet.agent('replica-reader', { gateway: 1, control: 1 }),
    ];
    offices = await Promise.all(readers.map((reader) => reader.mcp('back-office')));
    for (const office of offices)
      expect(await call(office, 'get_order', { order_id: 'O-5001' })).toMatchObject({ isError: false });
  });
  afterAll(async () => fleet?.remove());

  it('one replica leads, both know both gateways, and both hand out the same log', async () => {
    await leaderOf();
    for (const at of [0, 1]) {
      const { items } = await until('both gateways', async () => {
        const listed = await fleet.operator(at).call('gateways.list');
        return listed.items.every(({ connected }) => connected) ? listed : undefined;
      });
      expect(items.map(({ url }) => url).sort()).toEqual(fleet.gateways.map(({ url }) => url).sort());
    }
    await settled(0);
    const [one, other] = [await copied(0), await copied(1)];
    expect(Math.abs(one.size - other.size)).toBeLessThan(20);
  });

  it('a token is for the gateway that it was made for', async () => {
    const [reader] = readers as [FleetAgent];
    const url = `${fleet.gateways[1]?.url}/mcp/back-office`;
    const accessToken = reader.credential.token;
    const proof = await dpopProof(reader.key, { method: 'POST', url, accessToken });
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `DPoP ${accessToken}`,
        dpop: proof,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain('identity.audience_mismatch');
    const operator = fleet.operator(0);
    const { id } = await operator.call('agents.show', { params: { id: 'replica-reader' } });
    expect(id).toBe(reader.credential.agentId);
  });

  it('a proof of possession that one replica has taken is refused by the other', async () => {
    const [reader] = readers as [FleetAgent];
    const { url } = fleet.controls[0] as { url: string };
    // Made for the address that both share.
    const dpop = await dpopProof(reader.key, { method: 'POST', url: `${url}/v1/token` });
    const send = (base: string) =>
      fetch(`${base}/v1/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', dpop },
        body: JSON.stringify({ instanceId: reader.credential.instanceId }),
      });
    expect((await send(url)).status).toBe(200);
    const again = await send(fleet.controls[1]?.url ?? '');
    expect(again.status).toBe(401);
    expect(await again.json()).toMatchObject({ code: 'identity.proof_replayed' });
  });

  it.each([0, 1])('a kill at replica %i reaches both gateways, and resuming at the other too', async (at) => {
    const scope = { kind: 'agent' as const, id: readers[0]?.credential.agentId ?? '' };
    const report = await fleet.operator(at).call('containment.stop', {
      body: { scope, state: 'paused', reason: 'drill' },
    });
    expect(report.gateways).toEqual({ connected: 2, confirmed: 2 });
    expect(report.tookMs).toBeLessThan(atOnceMs);
    for (const office of offices)
      expect((await call(office, 'get_order', { order_id: 'O-5001' })).atf.code).toBe(
        'containment.agent_stopped',
      );
    await resume(await fleet.signIn('yuki.mori@example.com', 1 - at), { scope, reason: 'drill is over' });
    for (const office of offices)
      await until('calls to run again', async () =>
        (await call(office, 'get_order', { order_id: 'O-5001' })).isError ? undefined : true,
      );
  });

  it('what a person releases at one replica runs once, wherever and however often it is asked for', async () => {
    const juniors = await Promise.all(
      [0, 1].map(async (gateway) =>
        (await fleet.agent('junior-support', { gateway, control: 1 - gateway })).mcp('back-office'),
      ),
    );
    const [first, second] = juniors as [Client, Client];
    const asked = await call(first, 'create_refund', refund(3.01));
    expect(asked.atf.code).toBe('maturity.approval_required');
    await released(await fleet.signIn('paula.reyes@example.com', 1), asked.atf.approvalId, () =>
      call(first, 'create_refund', refund(3.01)),
    );
    await Promise.all(
      [first, second, first, second].map((each) => call(each, 'create_refund', refund(3.01))),
    );
    expect(refundsMade(3.01)).toBe(1);
  });

  it('a question waits at the gateway that asked it: at the other one nobody can answer it, and nothing runs twice', async () => {
    const here = await fleet.agent('replica-asked', { gateway: 0 });
    const there = await fleet.elsewhere(here, 1);
    const capabilities = { elicitation: {} };
    const send = (by: FleetAgent, more: object = {}) =>
      rawCall(
        by,
        `${by.credential.gatewayUrl}/mcp/${asks.server}`,
        { name: asks.tool, arguments: {}, ...more },
        capabilities,
      );
    // Both gateways have heard of the server, the agent, and what may be asked, once they ask.
    const asked = (by: FleetAgent) =>
      until('the question', async () => {
        const { result } = await send(by);
        return result?.resultType === 'input_required' ? result : undefined;
      });
    await asked(there);
    const isUnknown = ({ error }: RawAnswer) => error?.data?.code === 'request.state_unknown';
    // From the start when a gateway has not heard from control in time meanwhile, and has given up what waits.
    await until('an answer at the same door', async () => {
      const { requestState, inputRequests } = await asked(here);
      const [key = ''] = Object.keys(inputRequests as object);
      const answer = (words: string) => ({
        requestState,
        inputResponses: { [key]: { action: 'accept', content: { name: words } } },
      });
      const elsewhere = await send(there, answer('at the other door'));
      const done = await send(here, answer('at the same door'));
      const again = await send(here, answer('once more'));
      const isDone = JSON.stringify(done.result?.['content'] ?? '').includes('at the same door');
      return isUnknown(elsewhere) && isDone && isUnknown(again) ? true : undefined;
    });
    const seen = fleet.gateways.map(({ dir }) => readFileSync(join(dir, 'work/seen.log'), 'utf8')).join('');
    expect(seen).not.toMatch(/at the other door|once more/);
  });

  it('a call that waits for a person goes on at the other gateway, with the state that the first one gave, once', async () => {
    const here = await fleet.agent('junior-support', { gateway: 0 });
    const there = await fleet.elsewhere(here, 1);
    const send = (by: FleetAgent, more: object = {}) =>
      rawCall(
        by,
        `${by.credential.gatewayUrl}/mcp/back-office`,
        { name: 'create_refund', arguments: refund(6.01), ...more },
        { elicitation: { url: {} } },
      );
    const requestState = await until('the question', async () => {
      const { result } = await send(here);
      return result?.resultType === 'input_required' ? result.requestState : undefined;
    });
    const [, body = ''] = requestState.split('.');
    const { approval } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { approval: string };
    await approve(await fleet.signIn('paula.reyes@example.com', 1), approval);
    const go = { requestState, inputResponses: { atf_approval: { action: 'accept' } } };
    await until('the refund', async () => {
      const { result } = await send(there, go);
      return result !== undefined && result.resultType !== 'input_required' && result.isError !== true
        ? true
        : undefined;
    });
    await Promise.all([send(here, go), send(there, go)]);
    expect(refundsMade(6.01)).toBe(1);
  });

  it('what a session reads at one gateway binds it at the other at once, and so does what a person declares harmless', async () => {
    const here = await fleet.agent('principal-operations', { gateway: 0 });
    const there = await fleet.elsewhere(here, 1);
    const [one, other] = [await here.mcp('back-office'), await there.mcp('back-office')];
    /** What waits for a person counts for no limit, and one that is equal is the same question. */
    const held = async (by: Client, subject: string) => {
      const { atf: facts } = await call(by, 'send_email', { to: 'ada@example.com', subject, body: 'Hello.' });
      return facts.code === 'maturity.approval_required' ? true : (facts.code ?? 'sent');
    };
    const read = async (by: Client, tool: string, args: Record<string, string>) =>
      expect((await call(by, tool, args)).isError).toBe(false);
    const readPrivate = (by: Client) => read(by, 'search_customers', { query: 'Ada' });
    const readUntrusted = (by: Client) => read(by, 'get_order', { order_id: 'O-5001' });
    expect(await held(one, 'clean here')).toBe('sent');
    // Half of it at each: neither gateway alone has seen what is dangerous together.
    await readPrivate(one);
    await readUntrusted(other);
    expect(await held(one, 'both')).toBe(true);
    expect(await held(other, 'both')).toBe(true);

    const security = await fleet.signIn('yuki.mori@example.com', 1);
    const holder = here.credential.instanceId;
    const params = { id: holder };
    const { revision } = await security.client.call('labels.review', { params });
    const to = { confidentiality: 'public', integrity: 'trusted' } as const;
    const reason = 'an example that we made up';
    const digest = sha256(loweredShownText({ holder, revision, to, reason }));
    const presence = await security.presence({ kind: 'labels', id: holder, digest });
    await security.client.call('labels.lower', { params, body: { revision, ...to, reason, presence } });
    for (const [at, by] of [one, other].entries())
      await until('it to send', async () =>
        (await held(by, `lowered ${at}`)) === 'sent' ? true : undefined,
      );

    // What it reads afterwards is another matter, at whichever gateway.
    await readPrivate(other);
    await readUntrusted(one);
    expect(await held(one, 'again')).toBe(true);
    expect(await held(other, 'again')).toBe(true);
  });

  it('a rate limit holds over both gateways, and a crash of one resets nothing', async () => {
    const limit = 12;
    const manifest = readerManifest('replica-limited', ['back-office/get_order']).replace(
      'max: 1000000, perSeconds: 60',
      `max: ${limit}, perSeconds: 86400`,
    );
    await fleet.operator(0).call('agents.register', { body: { manifest, format: 'yaml' } });
    const agents = await Promise.all(
      [0, 1].map((gateway) => fleet.agent('replica-limited', { gateway, control: gateway })),
    );
    const clients = await Promise.all(agents.map((agent) => agent.mcp('back-office')));
    const ask = async (at: number) => call(clients[at] as Client, 'get_order', { order_id: 'O-5001' });
    const answers = [...(await Promise.all([0, 1, 0, 1, 0, 1].map(ask)))];
    const crashed = fleet.gateways[0] as (typeof fleet.gateways)[number];
    await crashed.kill();
    await crashed.start();
    await fleet.serving();
    answers.push(...(await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at % 2)))));
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(limit);
    expect(new Set(answers.filter(({ isError }) => isError).map(({ atf }) => atf.code))).toEqual(
      new Set(['segmentation.rate_exceeded']),
    );
  });

  it('kill -9 of the leader under load: every acknowledged action is in the log, which verifies and goes on', async () => {
    const approver = await fleet.signIn('paula.reyes@example.com', 0);
    const junior = await (await fleet.agent('junior-support', { gateway: 1, control: 0 })).mcp('back-office');
    const asked = await call(junior, 'create_refund', refund(4.01));
    await approve(approver, asked.atf.approvalId ?? '');
    const load = reading();
    const leader = await leaderOf();
    const left = 1 - leader;
    await load.read(readsEnough);
    const redeemed = Array.from({ length: 4 }, () =>
      call(junior, 'create_refund', refund(4.01)).catch(() => undefined),
    );
    await (fleet.controls[leader] as (typeof fleet.controls)[number]).kill();
    await Promise.all(redeemed);
    await fleet.serving();
    await until(
      'the other replica to lead',
      async () => ((await fleet.leader()) === left ? true : undefined),
      settleMs,
    );
    // A stop at the replica that is left reaches the gateways that came over.
    const scope = { kind: 'tool' as const, id: 'files/*' };
    const report = await fleet.operator(left).call('containment.stop', {
      body: { scope, state: 'paused', reason: 'drill' },
    });
    expect(report.gateways).toEqual({ connected: 2, confirmed: 2 });
    await load.read(readsEnough);
    const { acknowledged, longestGapMs } = await load.end();
    process.stdout.write(
      `replicas: ${acknowledged.length} reads, ${Math.round(longestGapMs)} ms without one\n`,
    );
    await settled(left);
    const { outcomes } = await copied(left);
    for (const action of acknowledged) expect(outcomes.get(action), action).toBe(1);
    expect(refundsMade(4.01)).toBeLessThanOrEqual(1);
    await (fleet.controls[leader] as (typeof fleet.controls)[number]).start();
    await settled(leader);
    await copied(leader);
  });

  it('a leader that was paused finds itself replaced, and writes nothing more', async () => {
    await fleet.serving();
    const leader = await leaderOf();
    const plane = fleet.controls[leader] as (typeof fleet.controls)[number];
    const load = reading();
    plane.signal('SIGSTOP');
    try {
      await until(
        'the other replica to lead',
        async () => ((await fleet.leader()) === 1 - leader ? true : undefined),
        settleMs,
      );
      await fleet.serving();
    } finally {
      plane.signal('SIGCONT');
    }
    await until(
      'the old leader to see it',
      () => (plane.said.join('').includes('leads no more') ? true : undefined),
      settleMs,
    );
    expect(await leaderOf()).toBe(1 - leader);
    const { acknowledged } = await load.end();
    for (const at of [0, 1]) {
      await settled(at);
      const { outcomes } = await copied(at);
      for (const action of acknowledged) expect(outcomes.get(action), action).toBe(1);
    }
  });

  it('ends in order on SIGTERM: the lead is handed over at once, and nobody is left without answers', async () => {
    const leader = await leaderOf();
    const plane = fleet.controls[leader] as (typeof fleet.controls)[number];
    const load = reading();
    expect(await plane.stop()).toBe(0);
    await until(
      'the other replica to lead',
      async () => ((await fleet.leader()) === 1 - leader ? true : undefined),
      settleMs,
    );
    await plane.start();
    const { longestGapMs } = await load.end();
    expect(longestGapMs).toBeLessThan(atOnceMs);
  });

  it('a write is on record at control before it acts: it outlives the gateway and its disk', async () => {
    const approver = await fleet.signIn('paula.reyes@example.com', 0);
    const junior = await (await fleet.agent('junior-support', { gateway: 1 })).mcp('back-office');
    const { atf: asked } = await call(junior, 'create_refund', refund(5.01));
    const gateway = fleet.gateways[1] as (typeof fleet.gateways)[number];
    const again = () => call(junior, 'create_refund', refund(5.01));
    const underWay = released(approver, asked.approvalId, again).catch(() => undefined);
    await until('the refund to be made', () => (refundsMade(5.01) === 1 ? true : undefined));
    await gateway.kill();
    rmSync(join(gateway.dir, 'spool'), { recursive: true, force: true });
    await underWay;
    await until('its intent in the log', async () => {
      const { intents } = await copied(0);
      return intents.has(asked.approvalId ?? '') ? true : undefined;
    });
  });
});
