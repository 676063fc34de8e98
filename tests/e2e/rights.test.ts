/**
 * Rights at any past moment, through the front door: what is made again from the log and from versions is what gateways really decided at those moments, while
 * classification, level, stops, manifest and policy changed in between.
 */
import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { ceilingShownText } from '@atf/core/wire/api';
import type { RightAt, RightsAt } from '@atf/core/wire/rights';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { call, confirmPolicy, policyFiles, Product, root, type Signed, until } from './product.ts';

const agent = 'senior-support';
const tool = 'back-office/create_refund';

let product: Product;
let operator: ControlClient;
let security: Signed;
let office: Client;
let id: string;

const rightsAt = (at?: string): Promise<RightsAt> =>
  operator.call('agents.rightsAt', { params: { id }, query: at === undefined ? {} : { at } });
const rightTo = ({ items }: RightsAt, ref = tool): RightAt | undefined =>
  items.find((right) => right.tool === ref);

let amount = 0;
/** Makes a call and gives the decision that is on record, with its moment. */
async function decided(): Promise<{
  at: string;
  outcome: string;
  code: string | undefined;
  policies: string[];
}> {
  const before = new Set((await actionsOfTool()).map(({ actionId }) => actionId));
  amount += 1;
  await call(office, 'create_refund', { order_id: 'O-5007', amount, currency: 'EUR', reason: 'late' });
  const item = await until('the decision to be on record', async () =>
    (await actionsOfTool()).find(({ actionId }) => !before.has(actionId)),
  );
  const story = await until('its record', async () => {
    const found = await operator.call('actions.show', { params: { id: item.actionId ?? '' } });
    return found.decision === undefined ? undefined : found;
  });
  const { outcome, code, policies } = story.decision ?? { outcome: '', policies: [] };
  const [first] = story.items.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
  return { at: first?.at ?? '', outcome, code, policies: [...policies] };
}
async function actionsOfTool() {
  const { items } = await operator.call('activity.list', { query: { agent, limit: 100 } });
  return items.filter((item) => item.tool === tool && item.actionId !== undefined);
}

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  id = (await operator.call('agents.show', { params: { id: agent } })).id;
  office = await (await product.agent(agent)).mcp('back-office');
});
afterAll(async () => product.remove());

type Recorded = Awaited<ReturnType<typeof decided>>;
const recorded: Recorded[] = [];

describe('what was decided', () => {
  it('changes with classification, ceiling, policy, and a stop', async () => {
    recorded.push(await decided());
    // From here on it cannot be undone, and a person is asked.
    await operator.call('tools.classify', {
      params: { server: 'back-office', name: 'create_refund' },
      body: { writeSafe: false },
    });
    await product.heard(agent);
    recorded.push(await decided());
    await operator.call('tools.classify', {
      params: { server: 'back-office', name: 'create_refund' },
      body: { writeSafe: true },
    });
    await product.heard(agent);
    recorded.push(await decided());

    security = await product.open(product.ready.signInUrl ?? '');
    await ceiling(security);
    await product.heard(agent);
    recorded.push(await decided());

    await freeze(security);
    await product.heard(agent);
    recorded.push(await decided());

    await operator.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'paused', reason: 'a test' },
    });
    recorded.push(await decided());
    expect(recorded.map(({ outcome, code }) => code ?? outcome)).toEqual([
      'allow',
      'maturity.approval_required',
      'allow',
      'maturity.approval_required',
      'policy.forbidden',
      'containment.agent_stopped',
    ]);
  });

  it('is what the table of that moment says, each time, with the policies that determined it', async () => {
    for (const was of recorded) {
      const right = await until(`the log to hold what was in force at ${was.at}`, async () => {
        const found = rightTo(await rightsAt(was.at));
        return found?.outcome === was.outcome ? found : undefined;
      });
      expect([right.outcome, right.code, right.policies]).toEqual([was.outcome, was.code, was.policies]);
      expect(right.uncertain).toBeUndefined();
    }
    const first = await rightsAt(recorded[0]?.at);
    expect(first).toMatchObject({ now: false, level: 'senior', policy: 1 });
    expect(first.ceiling).toBeUndefined();
    expect(first.policies.find((policy) => policy.id === 'levels.senior_acts')).toMatchObject({
      file: 'levels.cedar',
      requirement: 'S-2',
      says: expect.stringContaining('Senior acts and notifies'),
    });
    expect(first.notes.join(' ')).toContain('Not known');
    expect(rightTo(first)?.limits.join(' ')).toContain('EUR');
    expect(await rightsAt(recorded[5]?.at)).toMatchObject({ level: 'senior', ceiling: 'junior', policy: 2 });
  });

  it('is now as agents.rights says, and nothing of the asking is on record', async () => {
    const size = async () => (await operator.call('audit.status')).size;
    const before = await size();
    const now = await rightsAt();
    const { items } = await operator.call('agents.rights', { params: { id } });
    expect(now.now).toBe(true);
    expect(now.items.map(({ tool: ref, outcome }) => [ref, outcome])).toEqual(
      items.map(({ tool: ref, outcome }) => [ref, outcome]),
    );
    expect(await size()).toBe(before);
  });
});

describe('what cannot be known', () => {
  it('is said: before it was registered, later than now, and no time at all', async () => {
    const code = (at: string) =>
      rightsAt(at).then(
        () => 'answered',
        (error: { code?: string }) => error.code,
      );
    expect(await code('2020-01-01T00:00:00.000Z')).toBe('audit.past_unknown');
    expect(await code('2999-01-01T00:00:00.000Z')).toBe('request.malformed');
    expect(await code('yesterday')).toBe('request.malformed');
  });
});

describe('the command line', () => {
  const cli = (...args: string[]) =>
    atf(['agent', 'rights', ...args, '--data', product.dataDir, '--json'], {
      env: { XDG_CONFIG_HOME: `${product.home}/config` },
    });

  it('shows the table of a moment, and refuses what is no time', async () => {
    const then = await cli(agent, '--at', recorded[0]?.at ?? '');
    expect(then.code, then.stderr).toBe(0);
    expect(rightTo(documents(then)[0] as unknown as RightsAt)?.outcome).toBe('allow');
    const now = await cli(agent);
    expect(rightTo(documents(now)[0] as unknown as RightsAt)?.outcome).toBe('refuse');
    for (const at of ['yesterday', '2026-02-31T99:00:00Z']) {
      const odd = await cli(agent, '--at', at);
      expect([odd.code, failure(odd).message]).toEqual([2, expect.stringContaining('is no time')]);
    }
    const early = await cli(agent, '--at', '2020-01-01');
    expect([early.code, failure(early).code]).toEqual([1, 'audit.past_unknown']);
  });
});

async function ceiling(by: Signed): Promise<void> {
  const { manifestDigest } = await by.client.call('agents.show', { params: { id } });
  const change = { agentId: id, manifestDigest, from: 'none', to: 'junior', reason: 'reviewed' } as const;
  const presence = await by.presence({ kind: 'level', id, digest: sha256(ceilingShownText(change)) });
  await by.client.call('agents.ceiling', {
    params: { id },
    body: { ceiling: 'junior', reason: 'reviewed', presence },
  });
}

/** A policy that tightens takes one person. */
async function freeze(by: Signed): Promise<void> {
  const dir = join(product.home, 'frozen');
  cpSync(join(root, 'policies'), dir, { recursive: true });
  appendFileSync(
    join(dir, 'guardrails.cedar'),
    `\n// Refunds are frozen.\n@id("guardrails.refunds_frozen")\n@requirement("S-2")\nforbid (principal, action, resource == ATF::Tool::"${tool}");\n`,
  );
  const candidate = await operator.call(
    'policy.propose',
    { body: { base: 1, files: policyFiles(dir), reason: 'refunds are frozen' } },
    { timeoutMs: 120_000 },
  );
  await confirmPolicy(by, candidate);
}
