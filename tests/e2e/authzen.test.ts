/**
 * AuthZEN through the front door: a gateway of somebody else asks the running product, about agents by the same pipeline that governs calls, and about the users of
 * an application by a set of its own. Who is not registered, or asks about something else, gets no answer.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearanceHeader } from '@atf/core/wire/api';
import type { EvaluationAnswer, SearchAnswer } from '@atf/core/wire/authzen';
import type { PolicyCandidate } from '@atf/core/wire/policy';
import type { ControlClient } from '@atf/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { approve, Product, root, type Signed, until } from './product.ts';

const interop = join(
  process.env['ATF_DATA'] ?? join(root, '../shared/data'),
  'authzen/todo-decisions-01.json',
);
const example = join(root, 'examples/authzen-todo');

let product: Product;
let operator: ControlClient;
let security: Signed;
let second: Signed;
let mesh: string;
let todo: string;
let weak: string;

const cli = (...args: string[]) =>
  atf([...args, '--data', product.dataDir, '--json'], { env: { XDG_CONFIG_HOME: `${product.home}/config` } });

async function point(name: string, ...options: string[]): Promise<string> {
  const added = await cli('point', 'add', name, ...options);
  expect(added.code, added.stderr).toBe(0);
  return (documents(added)[0] as { credential: string }).credential;
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly document: EvaluationAnswer &
    Partial<SearchAnswer> & { code?: string; evaluations?: EvaluationAnswer[] };
}

async function post(path: string, credential: string | undefined, body: unknown, more = {}): Promise<Reply> {
  const response = await fetch(`${product.ready.gatewayUrl}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      ...more,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const { status, headers } = response;
  return { status, headers, document: (await response.json()) as Reply['document'] };
}

const unheard = new Set(['containment.feed_stale', 'audit.record_unavailable']);
/** Asked again while control was not heard in time, as the refusal says, of any of its questions. */
const ask = (credential: string, body: unknown, path = '/access/v1/evaluation'): Promise<Reply> =>
  until('an answer while control is heard', async () => {
    const reply = await post(path, credential, body);
    const { code, context, evaluations = [] } = reply.document;
    const codes = [code, context?.code, ...evaluations.map((each) => each.context.code)];
    return codes.some((each) => each !== undefined && unheard.has(each)) ? undefined : reply;
  });

const call = (agent: string, tool: string, properties: Record<string, unknown> = {}) => ({
  subject: { type: 'agent', id: agent },
  action: { name: 'call', properties },
  resource: { type: 'tool', id: `back-office/${tool}` },
});
let amount = 0;
/** Another amount each time, so that no call is a repeat. */
const refund = (agent: string) => {
  amount += 1;
  return call(agent, 'create_refund', { order_id: 'O-5007', amount, currency: 'EUR', reason: 'damaged' });
};

async function recorded(actionId: string, types: readonly string[]) {
  const shown = await until('the records', async () => {
    const found = await operator.call('actions.show', { params: { id: actionId } }).catch(() => undefined);
    return types.every((type) => found?.records.some(({ entry }) => entry.includes(`"${type}"`)))
      ? found
      : undefined;
  });
  const entries = shown.records.map(
    ({ entry }) => JSON.parse(entry) as { type: string; body: Record<string, unknown> },
  );
  const found = entries.filter(({ type }) => types.includes(type));
  expect(found.map(({ type }) => type)).toEqual(types);
  return found;
}

async function confirm(by: Signed, { id, shownDigest }: PolicyCandidate): Promise<PolicyCandidate> {
  const presence = await by.presence({ kind: 'policy', id, digest: shownDigest });
  return by.client.call('policy.confirm', { params: { id }, body: { shownDigest, presence } });
}

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
  await security.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  const people = (await operator.call('people.list')).items;
  const params = { id: people.find(({ email }) => email === 'yuki.mori@example.com')?.id ?? '' };
  const { id } = await operator.call('clearances.ask', { body: { operation: 'people.link', params } });
  const { shownDigest } = await security.client.call('clearances.show', { params: { id } });
  const presence = await security.presence({ kind: 'clearance', id, digest: shownDigest });
  await security.client.call('clearances.grant', { params: { id }, body: { shownDigest, presence } });
  const { url } = await operator.call('people.link', { params }, { headers: { [clearanceHeader]: id } });
  second = await product.open(url);
  mesh = await point('mesh', '--agent', 'senior-support', 'junior-support', '--proves');
  weak = await point('weak', '--agent', 'senior-support');
  todo = await point('todo-app', '--application', 'todo');
});
afterAll(async () => product.remove());

describe('who may ask', () => {
  it('says where it answers, to everybody, and answers nobody who is not registered', async () => {
    const url = product.ready.gatewayUrl;
    const metadata = (await (await fetch(`${url}/.well-known/authzen-configuration`)).json()) as object;
    expect(metadata).toEqual({
      policy_decision_point: url,
      access_evaluation_endpoint: `${url}/access/v1/evaluation`,
      access_evaluations_endpoint: `${url}/access/v1/evaluations`,
      search_subject_endpoint: `${url}/access/v1/search/subject`,
      search_resource_endpoint: `${url}/access/v1/search/resource`,
      search_action_endpoint: `${url}/access/v1/search/action`,
    });
    const nobody = await post('/access/v1/evaluation', undefined, refund('senior-support'));
    expect([nobody.status, nobody.document.code, nobody.headers.get('www-authenticate')]).toEqual([
      401,
      'identity.credential_missing',
      'Bearer',
    ]);
    const [, id = '', secret = ''] = /^atfp_([0-9a-f-]{36})_(.+)$/.exec(mesh) ?? [];
    const forged = [
      `atfp_${id}_${'A'.repeat(43)}`,
      `atfp_${id.replace(/^./, (first) => (first === '0' ? '1' : '0'))}_${secret}`,
      'A'.repeat(60),
    ];
    for (const credential of forged) {
      const refused = await post('/access/v1/evaluation', credential, refund('senior-support'));
      expect([refused.status, refused.document.code]).toEqual([401, 'identity.point_unknown']);
    }
    expect(JSON.stringify([(await operator.call('points.list')).items, product.output])).not.toContain(
      secret,
    );
  });

  it('a point asks about its own agents only, and hears nothing of others', async () => {
    for (const agent of ['principal-operations', 'no-such-agent']) {
      const refused = await ask(mesh, call(agent, 'list_orders'));
      expect([refused.status, refused.document.code]).toEqual([403, 'identity.point_out_of_scope']);
    }
    const application = await ask(mesh, { ...call('x', 'y'), subject: { type: 'user', id: 'u' } });
    expect([application.status, application.document.code]).toEqual([403, 'identity.point_out_of_scope']);
    const agent = await ask(todo, call('senior-support', 'list_orders'));
    expect([agent.status, agent.document.code]).toEqual([403, 'identity.point_out_of_scope']);
  });

  it('bad requests are refused, each for its reason', async () => {
    const path = '/access/v1/evaluation';
    const twice = '{"subject":{"type":"user","id":"a"},"subject":{"type":"user","id":"b"}}';
    expect((await ask(mesh, twice)).status).toBe(400);
    expect((await ask(mesh, '[]')).status).toBe(400);
    expect((await ask(mesh, { subject: { type: 'agent' } })).document.code).toBe('request.malformed');
    const many = { ...refund('senior-support'), evaluations: Array.from({ length: 101 }, () => ({})) };
    expect((await ask(mesh, many, '/access/v1/evaluations')).status).toBe(400);
    expect((await post(path, mesh, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(path, mesh, '{}', { origin: 'https://evil.example.com' })).status).toBe(403);
    expect((await post('/access/v1/other', mesh, '{}')).status).toBe(404);
    const get = await fetch(`${product.ready.gatewayUrl}${path}`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const echoed = await post(path, mesh, '{}', { 'x-request-id': 'r-17' });
    expect(echoed.headers.get('x-request-id')).toBe('r-17');
  });
});

describe('about an agent', () => {
  it('is the decision of the pipeline, on record before it is answered; nothing runs', async () => {
    const { status, document } = await ask(mesh, refund('senior-support'));
    expect(status).toBe(200);
    expect(document).toMatchObject({
      decision: true,
      context: { outcome: 'allowed', effective_level: 'senior', obligations: ['notify'] },
    });
    const entries = await recorded(document.context.id ?? '', ['action.intent', 'action.outcome']);
    expect(entries[0]?.body).toMatchObject({ protocol: 'authzen', tool: 'create_refund', proof: 'dpop' });
    expect(entries[1]?.body).toMatchObject({ status: 'unknown', code: 'upstream.elsewhere' });
  });

  it('a point that does not see keys asks about an Intern', async () => {
    expect((await ask(weak, refund('senior-support'))).document).toMatchObject({
      decision: false,
      context: {
        outcome: 'refused',
        code: 'policy.forbidden',
        requirement: expect.any(String) as string,
      },
    });
    expect((await ask(weak, call('senior-support', 'list_orders'))).document).toMatchObject({
      decision: true,
      context: { effective_level: 'intern' },
    });
  });

  it('what needs a person passes once, after that person has approved it', async () => {
    const question = refund('junior-support');
    const first = (await ask(mesh, question)).document;
    expect(first).toMatchObject({ decision: false, context: { outcome: 'waiting' } });
    const id = first.context.approval_id ?? '';
    expect((await ask(mesh, question)).document.context.approval_id).toBe(id);
    await approve(await product.signIn('paula.reyes@example.com'), id);
    const released = await until('the release', async () => {
      const { document } = await ask(mesh, question);
      return document.context.outcome === 'waiting' ? undefined : document;
    });
    expect(released).toMatchObject({ decision: true, context: { approval_id: id } });
    const again = (await ask(mesh, question)).document;
    expect(again.decision).toBe(false);
    const entries = await recorded(released.context.id ?? '', ['action.intent', 'action.outcome']);
    expect(entries[0]?.body).toMatchObject({ protocol: 'authzen', approvalId: id });
  });

  it('arguments that do not fit, tools that are not listed, and other words are denied with the reason', async () => {
    const lots = call('senior-support', 'create_refund', { order_id: 'O-5007', amount: 'lots' });
    expect((await ask(mesh, lots)).document.context.code).toBe('segmentation.amount_unreadable');
    const wrong = call('senior-support', 'list_orders', { surprise: 1 });
    expect((await ask(mesh, wrong)).document.context.code).toBe('data.schema_invalid');
    expect((await ask(mesh, call('senior-support', 'no_such_tool'))).document.context.code).toBe(
      'segmentation.tool_unknown',
    );
    const worded = { ...refund('senior-support'), action: { name: 'delete' } };
    expect((await ask(mesh, worded)).status).toBe(400);
  });

  it('what is never sent, and what nobody has looked into, is denied whoever would release it; it stands in no answer', async () => {
    const card = '4111 1111 1111 1111';
    const picture = Buffer.from(`89504e470d0a1a0a0000000d49484452${'00'.repeat(20)}`, 'hex').toString(
      'base64',
    );
    const mail = (agent: string, body: string) =>
      call(agent, 'send_email', { to: 'amara.okafor@example.com', subject: 'Your order', body });
    const office = await point('office', '--agent', 'principal-operations', '--proves');
    const plain = (await ask(office, mail('principal-operations', 'It is on its way.'))).document;
    expect(plain).toMatchObject({ decision: true });
    for (const body of [`Paid with ${card}.`, picture, `Paid with ${card}. ${picture}`]) {
      const { document } = await ask(office, mail('principal-operations', body));
      expect(document).toMatchObject({ decision: false, context: { code: 'data.never_sent' } });
      expect(document.context.approval_id).toBeUndefined();
      expect(JSON.stringify(document)).not.toContain('1111');
      const [entry] = await recorded(document.context.id ?? '', ['action.refused']);
      expect(JSON.stringify(entry)).not.toContain('1111');
    }
    // Whoever may not send at all is told that, and not what stands in it.
    const unlisted = (await ask(mesh, mail('senior-support', `Paid with ${card}.`))).document;
    expect(unlisted.context.code).toBe('segmentation.tool_not_granted');
  });

  it('several at once: defaults, and an end with the first that denies or permits', async () => {
    const base = { subject: { type: 'agent', id: 'senior-support' }, action: { name: 'call' } };
    const tool = (id: string) => ({ resource: { type: 'tool', id } });
    const evaluations = [
      tool('back-office/list_orders'),
      tool('back-office/none'),
      tool('back-office/list_orders'),
      { subject: { type: 'agent', id: 'nobody' }, ...tool('back-office/list_orders') },
    ];
    const path = '/access/v1/evaluations';
    const decisions = async (semantic: string) => {
      const body = { ...base, evaluations, options: { evaluations_semantic: semantic } };
      const { document } = await ask(mesh, body, path);
      return document.evaluations?.map(({ decision }) => decision);
    };
    expect(await decisions('execute_all')).toEqual([true, false, true, false]);
    expect(await decisions('deny_on_first_deny')).toEqual([true, false]);
    expect(await decisions('permit_on_first_permit')).toEqual([true]);
    const all = (await ask(mesh, { ...base, evaluations }, path)).document.evaluations;
    expect(all?.[3]?.context.error?.status).toBe(403);
    const single = await ask(mesh, { ...base, ...tool('back-office/list_orders') }, path);
    expect(single.document.decision).toBe(true);
  });

  it('a search names what would be permitted now, of its own agents only', async () => {
    const search = async (kind: string, body: object) =>
      (await ask(mesh, body, `/access/v1/search/${kind}`)).document.results;
    const agents = { ...call('', 'list_orders'), subject: { type: 'agent' } };
    expect(await search('subject', agents)).toEqual([
      { type: 'agent', id: 'junior-support' },
      { type: 'agent', id: 'senior-support' },
    ]);
    // A Junior waits for a person, and the amount counts.
    const refunds = { ...refund('x'), subject: { type: 'agent' } };
    expect(await search('subject', refunds)).toEqual([{ type: 'agent', id: 'senior-support' }]);
    const tools = { ...call('senior-support', 'x'), resource: { type: 'tool' } };
    const found = await search('resource', tools);
    expect(found).toContainEqual({ type: 'tool', id: 'back-office/list_orders' });
    expect(found).not.toContainEqual({ type: 'tool', id: 'back-office/create_refund' });
    const actions = { subject: tools.subject, resource: agents.resource };
    expect(await search('action', actions)).toEqual([{ name: 'call' }]);
    const other = { ...tools, subject: { type: 'agent', id: 'principal-operations' } };
    expect((await ask(mesh, other, '/access/v1/search/resource')).status).toBe(403);
  });

  it('a kill ends it, and a person has to register the point anew', async () => {
    const { id } = await operator.call('agents.show', { params: { id: 'senior-support' } });
    await operator.call('containment.stop', {
      body: { scope: { kind: 'agent', id }, state: 'killed', reason: 'drill' },
    });
    await until('the kill to be heard', async () => {
      const { document } = await ask(mesh, call('senior-support', 'list_orders'));
      return document.context.code === 'containment.agent_stopped' ? true : undefined;
    });
    const { document } = await ask(mesh, refund('senior-support'));
    expect(document).toMatchObject({ decision: false, context: { outcome: 'refused' } });
  });

  it('a point that was revoked is a stranger', async () => {
    expect((await cli('point', 'revoke', 'weak', '--reason', 'not needed')).code).toBe(0);
    await until('the revocation to be heard', async () => {
      const { status } = await ask(weak, call('senior-support', 'list_orders'));
      return status === 401 ? true : undefined;
    });
  });
});

describe('about users of an application', () => {
  it('nothing before two people have confirmed a set; then it answers', async () => {
    const look = {
      subject: { type: 'user', id: 'nobody' },
      action: { name: 'can_read_todos' },
      resource: { type: 'todo', id: 't-1' },
    };
    const before = await ask(todo, look);
    expect([before.status, before.document.code]).toEqual([404, 'policy.application_unknown']);
    const broken = await cli('policy', 'plan', join(root, 'policies'), '--application', 'todo');
    expect(failure(broken)).toMatchObject({ code: 'policy.invalid' });
    const applying = cli('policy', 'apply', example, '--application', 'todo', '--reason', 'the to-do app');
    const candidate = await until('the candidate', async () =>
      (await operator.call('policy.candidates')).items.find(({ application }) => application === 'todo'),
    );
    expect(candidate).toMatchObject({ base: 0, confirmations: { needed: 2, by: [] } });
    const once = await confirm(second, candidate);
    expect(once.state).toBe('waiting');
    expect((await ask(todo, look)).status).toBe(404);
    expect(await confirm(security, candidate)).toMatchObject({ state: 'applied', version: 1 });
    const applied = await applying;
    expect(applied.code, applied.stderr).toBe(0);
    const answered = await until('the set to be heard', async () => {
      const reply = await ask(todo, look);
      return reply.status === 200 ? reply.document : undefined;
    });
    expect(answered).toMatchObject({ decision: false, context: { code: 'policy.not_permitted' } });
    expect((await operator.call('policy.show')).version).toBe(1);
  });

  it('a type that policies cannot name is refused, and an escape of Cedar is no entity', async () => {
    const odd = {
      subject: { type: 'my user', id: 'a' },
      action: { name: 'can_read_todos' },
      resource: { type: 'todo', id: 't-1' },
    };
    expect((await ask(todo, odd)).document.code).toBe('request.malformed');
    const smuggled = {
      ...odd,
      subject: { type: 'user', id: 'a', properties: { roles: { __entity: { type: 'user', id: 'b' } } } },
    };
    expect((await ask(todo, smuggled)).document.code).toBe('request.malformed');
  });

  it('a search goes over all that the set knows, page by page', async () => {
    const path = '/access/v1/search/subject';
    const question = {
      subject: { type: 'user' },
      action: { name: 'can_create_todo' },
      resource: { type: 'todo', id: 't-1' },
    };
    const first = (await ask(todo, { ...question, page: { limit: 2 } }, path)).document;
    expect([first.results?.length, first.page?.count]).toEqual([2, 2]);
    const token = first.page?.next_token ?? '';
    const next = (await ask(todo, { ...question, page: { token } }, path)).document;
    expect([next.results?.length, next.page?.next_token]).toEqual([1, '']);
    const all = (await ask(todo, question, path)).document;
    expect(all.results).toEqual([...(first.results ?? []), ...(next.results ?? [])]);
    for (const found of all.results ?? [])
      expect((await ask(todo, { ...question, subject: found })).document.decision).toBe(true);
    // A token is good for the search that it came with.
    const action = { name: 'can_read_todos' };
    const moved = await ask(todo, { ...question, action, page: { token } }, path);
    expect([moved.status, moved.document.code]).toEqual([400, 'request.malformed']);
    const [editor] = all.results ?? [];
    const actions = { subject: editor, resource: question.resource };
    const named = (await ask(todo, actions, '/access/v1/search/action')).document.results;
    expect(named).toContainEqual({ name: 'can_create_todo' });
  });

  it.skipIf(!existsSync(interop))(`the decisions of the interoperability scenario (${interop})`, async () => {
    const { evaluation } = JSON.parse(readFileSync(interop, 'utf8')) as {
      evaluation: { request: object; expected: boolean }[];
    };
    const wanted = evaluation.map(({ expected }) => expected);
    const single: boolean[] = [];
    for (const { request } of evaluation) single.push((await ask(todo, request)).document.decision);
    expect(single).toEqual(wanted);
    const body = { evaluations: evaluation.map(({ request }) => request) };
    const { document } = await ask(todo, body, '/access/v1/evaluations');
    expect(document.evaluations?.map(({ decision }) => decision)).toEqual(wanted);
  });
});
