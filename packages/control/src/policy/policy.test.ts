import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { policyFactsOf } from '@atf/core/policy/question';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putContainment } from '../incident/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { callerOf, type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { Cedar } from './cedar.ts';
import { loadPolicies, policyInForce, settingsInForce } from './load.ts';
import { decisionRoutes } from './routes.ts';

const folder = mkdtempSync(join(tmpdir(), 'atf-policies-'));
const cedar = new Cedar();
let control: TestControl;
beforeAll(async () => {
  cpSync(join(import.meta.dirname, '../../../../policies'), folder, { recursive: true });
  control = await testControl({ config: { policyDir: folder }, policies: false });
});
afterAll(async () => {
  await cedar.close();
  await control.close();
  rmSync(folder, { recursive: true, force: true });
});
const file = (name: string) => join(folder, name);
function bend(name: string, change: (text: string) => string): () => void {
  const before = readFileSync(file(name), 'utf8');
  writeFileSync(file(name), change(before));
  return () => writeFileSync(file(name), before);
}

describe('loading', () => {
  it('does not start without a valid set, and says what is wrong', async () => {
    const restore = bend('levels.cedar', (text) => text.replaceAll('context.approved', 'context.aproved'));
    expect(await codeOf(loadPolicies(control, cedar))).toBe('policy.invalid');
    expect(await policyInForce(control)).toBeUndefined();
    expect(await codeOf(settingsInForce(control))).toBe('policy.unavailable');
    restore();
  });

  it('activates a valid set: documents for gateways, an event, an epoch', async () => {
    const report = await loadPolicies(control, cedar);
    expect(report).toMatchObject({ state: 'activated', epoch: 1, differs: [] });
    const doc = await control.doc('policy', '*');
    expect(doc).toMatchObject({ digest: report.digest, epoch: 1 });
    if (!doc) throw new Error('no document');
    // What gateways get is what they can decide with.
    expect(policyFactsOf(doc).ok).toBe(true);
    expect(await control.doc('settings', '*')).toMatchObject({
      issuer: 'http://localhost:7780',
      tokenSeconds: { principal: 60 },
      approvalSeconds: 900,
    });
    expect((await control.events('policy.set_activated')).at(-1)?.body).toMatchObject({
      digest: report.digest,
      epoch: 1,
    });
    expect(await policyInForce(control)).toMatchObject({ digest: report.digest, epoch: 1 });
  });

  it('changes nothing for the same files, but follows the addresses of the deployment', async () => {
    const events = (await control.events()).length;
    expect(await loadPolicies(control, cedar)).toMatchObject({ state: 'unchanged', epoch: 1 });
    expect((await control.events()).length).toBe(events);
    const moved = { ...control, config: { ...control.config, controlUrl: 'https://atf.example.com' } };
    await loadPolicies(moved, cedar);
    expect(await control.doc('settings', '*')).toMatchObject({ issuer: 'https://atf.example.com' });
    await loadPolicies(control, cedar);
  });

  it('applies no folder once there is a version, valid or not, and says which files differ', async () => {
    const restore = bend('guardrails.cedar', (text) => `${text}\nforbid (`);
    const undo = bend('settings.yaml', (text) =>
      text.replace('approvalSeconds: 900', 'approvalSeconds: 600'),
    );
    expect(await loadPolicies(control, cedar)).toMatchObject({
      state: 'kept',
      epoch: 1,
      differs: ['guardrails.cedar', 'settings.yaml'],
    });
    expect(await policyInForce(control)).toMatchObject({ epoch: 1 });
    expect((await settingsInForce(control)).approvalSeconds).toBe(900);
    restore();
    undo();
    expect(await loadPolicies(control, cedar)).toMatchObject({ state: 'unchanged', epoch: 1, differs: [] });
  });
});

describe('what would happen', () => {
  let domain: Domain;
  let call: ReturnType<typeof callerOf<typeof decisionRoutes>>;
  beforeAll(async () => {
    domain = await domainOf(control);
    call = callerOf(control, decisionRoutes);
    await domain.agent('intern', 'intern');
    await domain.agent('junior', 'junior');
    await domain.agent('senior', 'senior');
    await domain.agent('principal', 'principal', { dataDomains: ['orders'] });
  });
  const decide = (agent: string, tool: string, args: Record<string, unknown> = {}) =>
    call('decide', control.as(domain.stranger), { body: { agent, tool: `shop/${tool}`, args } });
  const refund = (amount: unknown) => ({ order_id: 'O-1', amount, currency: 'EUR' });

  it.each<[string, string, Record<string, unknown>, string, string | undefined]>([
    ['intern', 'get_order', { order_id: 'O-1' }, 'allow', undefined],
    ['intern', 'create_refund', refund(1), 'refuse', 'policy.not_permitted'],
    ['junior', 'create_refund', refund(1), 'ask', 'maturity.approval_required'],
    ['senior', 'create_refund', refund(100), 'allow', undefined],
    ['senior', 'create_refund', refund(100.01), 'refuse', 'segmentation.transaction_exceeded'],
    ['senior', 'create_refund', refund('much'), 'refuse', 'segmentation.amount_unreadable'],
    ['senior', 'get_order', { order_id: 7 }, 'refuse', 'data.schema_invalid'],
    ['senior', 'cancel_refund', { refund_id: 'R-1' }, 'ask', 'maturity.approval_required'],
    ['principal', 'create_refund', refund(1), 'refuse', 'segmentation.out_of_domain'],
    ['senior', 'nothing', {}, 'refuse', 'segmentation.tool_unknown'],
  ])('%s, %s %j: %s', async (agent, tool, args, outcome, code) => {
    const decision = await decide(agent, tool, args);
    expect(decision).toMatchObject({ outcome, ...(code === undefined ? {} : { code }) });
    expect(decision.checks.length).toBeGreaterThan(0);
    if (code !== undefined) expect(decision.help).toBeTruthy();
  });

  it('records nothing and takes names and ids', async () => {
    const before = (await control.events()).length;
    await decide('senior', 'create_refund', refund(1));
    expect((await control.events()).length).toBe(before);
    expect(await codeOf(decide('nobody', 'get_order'))).toBe('identity.agent_not_found');
  });

  it('tells what an agent may do, tool by tool', async () => {
    const agent = await domain.agent('listed', 'senior', {
      tools: ['shop/get_order', 'shop/create_refund', 'shop/cancel_refund', 'gone/tool'],
    });
    const rights = async () =>
      (await call('agents.rights', control.as(domain.stranger), { params: { id: agent.id } })).items;
    expect(await rights()).toMatchObject([
      { tool: 'shop/get_order', class: 'read', outcome: 'allow', policies: ['levels.read'] },
      {
        tool: 'shop/create_refund',
        class: 'write',
        outcome: 'allow',
        policies: ['levels.senior_acts'],
        because: expect.stringContaining('at most 100 EUR'),
      },
      { tool: 'shop/cancel_refund', outcome: 'ask', code: 'maturity.approval_required' },
      { tool: 'gone/tool', class: 'admin', outcome: 'refuse', code: 'segmentation.server_unknown' },
    ]);
    const stop = {
      tenant: 'default',
      key: 'fleet:*',
      scope_kind: 'fleet' as const,
      scope_id: '*',
      state: 'paused' as const,
      since: 0,
      reason: 'r',
      by_id: 'x',
      by_name: 'x',
      label: null,
      drain_until: null,
    };
    await control.change((tx) => putContainment(tx, stop));
    expect((await rights()).map(({ code }) => code)).toEqual(Array(4).fill('containment.fleet_stopped'));
    await control.change((tx) => tx.deleteFrom('containment').execute());
  });
});
