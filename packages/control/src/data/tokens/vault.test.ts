/** Values behind tokens: for some hours, for one session, so many and so long, and each turned back so often; under a clock that stands still. */
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { routes } from '@atf/core/wire/api';
import { revealShownText, tokenValueMax } from '@atf/core/wire/tokens';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endSession, openSession } from '../../identity/credential-store.ts';
import { codeOf, type TestControl, testControl } from '../../workspace/control.fixture.ts';
import { type Domain, domainOf } from '../../workspace/domain.fixture.ts';
import { addTokens, dropExpired, tokenRow } from './store.ts';
import { giveValues, givenMax, keepValues, revealValue, tokensOfAgentMax } from './vault.ts';

const policies = join(import.meta.dirname, '../../../../../policies');
const folder = mkdtempSync(join(tmpdir(), 'atf-vault-'));
const hours = 2;
const sensitive = `
sensitive:
  masked: { intern: [PII], junior: [PII], senior: [PII], principal: [PII] }
  neverSent: []
  tokenised: { senior: [pii.email] }
  tokens: { hours: ${hours}, givenTo: [{ tool: shop/create_refund, argument: to, of: [pii.email] }] }
`;
const address = 'ada@example.org';
const tenant = 'default';
let control: TestControl;
let domain: Domain;

beforeAll(async () => {
  cpSync(policies, folder, { recursive: true });
  const settings = join(folder, 'settings.yaml');
  writeFileSync(settings, readFileSync(settings, 'utf8') + sensitive);
  control = await testControl({ config: { policyDir: folder } });
  domain = await domainOf(control);
});
afterAll(async () => {
  await control.close();
  rmSync(folder, { recursive: true, force: true });
});

let agents = 0;
/** An agent in a session of its own. */
async function inSession() {
  const { id: agentId, instanceId, sid } = await domain.agent(`keeper-${agents++}`, 'senior');
  const nowMs = control.clock.nowMs();
  const of = { tenant, sid, agent_id: agentId, instance_id: instanceId, task_id: null, delegation_id: null };
  const times = { opened_at: nowMs, expires_at: nowMs + 3_600_000, ended_at: null };
  await control.change((tx) => openSession(tx, { ...of, ...times }));
  return { actionId: randomUUID(), agentId, sid, tool: 'shop/create_refund' };
}
type InSession = Awaited<ReturnType<typeof inSession>>;
const keep = async (call: InSession, ...values: string[]) =>
  (
    await keepValues(control, {
      ...call,
      tool: 'shop/get_order',
      values: values.map((value) => ({ detector: 'pii.email', value })),
    })
  ).tokens;
const give = async (call: InSession, token: string | null) =>
  (await giveValues(control, { ...call, tokens: [{ argument: 'to', token: token ?? '' }] })).values;
/** One that is kept. */
const kept = async (call: InSession, value = address) => (await keep(call, value))[0] ?? '';

it('are the same for one value, and gone with their hours: for tools, for people, and from the database', async () => {
  const call = await inSession();
  const token = await kept(call);
  expect(await keep(call, address, address)).toEqual([token, token]);
  expect(await give(call, token)).toEqual([address]);
  control.later(hours * 3_600_000 - 1);
  expect(await give(call, token)).toEqual([address]);
  control.later(1);
  expect(await codeOf(give(call, token))).toBe('data.token_unknown');
  const { security } = domain;
  const reason = 'they called';
  const digest = sha256(revealShownText(token, reason));
  const presence = control.present(security, { kind: 'token', id: token, digest });
  expect(await codeOf(revealValue(control, security, token, { reason, presence }))).toBe(
    'data.token_unknown',
  );
  await dropExpired(control.db, tenant, control.clock.nowMs());
  expect(await tokenRow(control.db, tenant, token)).toBeUndefined();
  // What is read again later is kept anew.
  expect(await keep(call, address)).toEqual([token]);
  expect(await give(call, token)).toEqual([address]);
});

it('end with their session, and are no other one’s', async () => {
  const [call, other] = [await inSession(), await inSession()];
  const token = await kept(call);
  expect(await codeOf(give(other, token))).toBe('data.token_unknown');
  expect(await codeOf(give({ ...other, sid: call.sid }, token))).toBe('identity.session_revoked');
  await control.change((tx) => endSession(tx, tenant, call.sid, control.clock.nowMs()));
  expect(await codeOf(give(call, token))).toBe('identity.session_revoked');
  expect(await codeOf(keep(call, 'bob@example.org'))).toBe('identity.session_revoked');
});

it('are so many of one agent: what is more is masked, and what is kept stays', async () => {
  const call = await inSession();
  const token = await kept(call);
  const row = await tokenRow(control.db, tenant, token);
  if (row === undefined) throw new Error('nothing was kept');
  for (let from = 1; from < tokensOfAgentMax - 1; from += 1_000) {
    const length = Math.min(1_000, tokensOfAgentMax - 1 - from);
    const rows = Array.from({ length }, (_, at) => ({ ...row, token: `tok_${from + at}` }));
    await control.change((tx) => addTokens(tx, rows));
  }
  const [first, second, again] = await keep(call, 'bob@example.org', 'eve@example.org', address);
  expect([typeof first, second, again]).toEqual(['string', null, token]);
  // Others have room.
  expect(await keep(await inSession(), address)).not.toContain(null);
});

it('are turned back so often, and never for an argument or a tool that settings do not name', async () => {
  const call = await inSession();
  const token = await kept(call);
  const tokens = [{ argument: 'note', token }];
  expect(await codeOf(giveValues(control, { ...call, tokens }))).toBe('data.token_unknown');
  expect(await codeOf(give({ ...call, tool: 'shop/cancel_refund' }, token))).toBe('data.token_unknown');
  await control.change((tx) =>
    tx
      .updateTable('data_token')
      .set({ given: givenMax - 1 })
      .where('token', '=', token)
      .execute(),
  );
  expect(await give(call, token)).toEqual([address]);
  expect(await codeOf(give(call, token))).toBe('data.token_unknown');
});

it.each([
  ['longer than a value may be', 1, 'x'.repeat(tokenValueMax + 1)],
  ['more than of one result', 201, address],
  ['empty', 1, ''],
])('are not taken from a gateway that tells what is %s', (_what, count, value) => {
  const call = { actionId: randomUUID(), agentId: randomUUID(), sid: 'sid', tool: 'shop/get_order' };
  const values = Array.from({ length: count }, () => ({ detector: 'pii.email', value }));
  expect(routes['gateway.keepValues'].body.safeParse({ ...call, values }).success).toBe(false);
});
