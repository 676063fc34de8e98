/** Labels at control: they survive, they are everybody's before a gateway is answered, and they are nobody else's. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256 } from '@atf/core/digest';
import type { Person } from '@atf/core/wire/api';
import { leaseMs } from '@atf/core/wire/feed';
import { labelReviewMs, type Labels, loweredShownText } from '@atf/core/wire/labels';
import { insertGateway } from '../gateways/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { lowerLabels, reviewLabels } from './declassify.ts';
import { forgetLabels, joinRead, supposeWorst } from './labels.ts';

const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await new Promise((next) => setImmediate(next));
};

let control: TestControl;
let domain: Domain;
beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
});
afterAll(() => control.close());

let agents = 0;
const enrolled = () => domain.agent(`agent-${agents++}`, 'senior');
type Enrolled = Awaited<ReturnType<typeof enrolled>>;
const secret = { tool: 'crm/customer', confidentiality: 'confidential', integrity: 'trusted' } as const;
const web = { tool: 'web/fetch', confidentiality: 'public', integrity: 'untrusted' } as const;
const read = ({ id, instanceId }: Pick<Enrolled, 'id' | 'instanceId'>, source: typeof secret | typeof web) =>
  joinRead(control, { agentId: id, instanceId, ...source });

it('rise with each read, at the same time too, and are a document for every gateway', async () => {
  const agent = await enrolled();
  await Promise.all(Array.from({ length: 10 }, (_, n) => read(agent, n % 2 === 0 ? secret : web)));
  const doc = await control.doc('labels', agent.instanceId);
  expect(doc).toMatchObject({ confidentiality: 'confidential', integrity: 'untrusted', revision: 2 });
  expect(doc?.sources.map(({ tool }) => tool).sort()).toEqual(['crm/customer', 'web/fetch']);
});

it('are of an instance of that agent, and of nobody else', async () => {
  const [agent, other] = [await enrolled(), await enrolled()];
  const { instanceId } = agent;
  expect(await codeOf(read({ id: other.id, instanceId }, secret))).toBe('identity.instance_unknown');
  expect(await codeOf(read({ ...agent, instanceId: randomUUID() }, secret))).toBe(
    'identity.instance_unknown',
  );
  const task = randomUUID();
  expect(await codeOf(joinRead(control, { agentId: agent.id, instanceId, task, ...secret }))).toBe(
    'identity.task_unknown',
  );
  expect(await control.doc('labels', instanceId)).toBeUndefined();
});

it('are the worst after a restore, also of an instance that had read nothing, and go with what can act no more', async () => {
  const { instanceId } = await enrolled();
  await control.change((tx) => supposeWorst(control, tx));
  expect(await control.doc('labels', instanceId)).toMatchObject({
    confidentiality: 'restricted',
    integrity: 'untrusted',
  });
  await control.change((tx) => forgetLabels(control, tx, instanceId));
  expect(await control.doc('labels', instanceId)).toBeNull();
});

const clean = { confidentiality: 'public', integrity: 'trusted' } as const;
const lowering = async (
  person: Person,
  { instanceId }: Pick<Enrolled, 'instanceId'>,
  revision: number,
  to: Labels = clean,
  shown: Labels = to,
) => {
  const reason = 'an example without anybody in it';
  const digest = sha256(loweredShownText({ holder: instanceId, revision, to: shown, reason }));
  const presence = control.present(person, { kind: 'labels', id: instanceId, digest });
  return lowerLabels(control, person, instanceId, { revision, ...to, reason, presence });
};

it('fall to what a person says who answers for security, and rise again with the next reading', async () => {
  const agent = await enrolled();
  const { security } = domain;
  await read(agent, secret);
  await read(agent, web);
  const shown = await reviewLabels(control, security, agent.instanceId);
  expect(shown).toMatchObject({ confidentiality: 'confidential', integrity: 'untrusted', kind: 'instance' });
  expect(shown.reviewUntil).toBeDefined();
  expect(await control.doc('labels', agent.instanceId)).toMatchObject({ underReview: true });
  const to = { confidentiality: 'public', integrity: 'untrusted' } as const;
  const after = await lowering(security, agent, shown.revision, to);
  expect(after).toMatchObject({ ...to, revision: shown.revision + 1, sources: [{ tool: 'web/fetch' }] });
  const doc = await control.doc('labels', agent.instanceId);
  expect([doc, doc?.underReview]).toEqual([expect.objectContaining(to), undefined]);
  const [event] = (await control.events('segmentation.labels_lowered')).slice(-1);
  expect(event?.body).toMatchObject({
    holder: agent.instanceId,
    before: { confidentiality: 'confidential', integrity: 'untrusted' },
    after: to,
    sources: ['crm/customer'],
    by: security.id,
  });
  expect(JSON.stringify(event)).not.toContain('example without');
  expect((await read(agent, secret)).labels[0]).toMatchObject({ confidentiality: 'confidential' });
});

it('do not fall by what is not what was shown: read since, no review, another presence, nothing lower, once', async () => {
  const agent = await enrolled();
  const { security } = domain;
  await read(agent, secret);
  expect(await codeOf(lowering(security, agent, 1))).toBe('segmentation.labels_changed');
  const first = await reviewLabels(control, security, agent.instanceId);
  // The same tool once more: nothing rises, and it is noticed all the same.
  await read(agent, secret);
  expect(await codeOf(lowering(security, agent, first.revision))).toBe('segmentation.labels_changed');
  const { revision } = await reviewLabels(control, security, agent.instanceId);
  const higher = { confidentiality: 'restricted', integrity: 'trusted' } as const;
  const same = { confidentiality: 'confidential', integrity: 'trusted' } as const;
  for (const to of [higher, same, { ...clean, integrity: 'untrusted' } as const])
    expect(await codeOf(lowering(security, agent, revision, to))).toBe('request.malformed');
  const internal = { confidentiality: 'internal', integrity: 'trusted' } as const;
  expect(await codeOf(lowering(security, agent, revision, clean, internal))).toBe('people.presence_invalid');
  expect(await codeOf(lowering(domain.owner, agent, revision))).toBe('people.not_allowed');
  expect(await codeOf(reviewLabels(control, domain.technical, agent.instanceId))).toBe('people.not_allowed');
  expect(await codeOf(reviewLabels(control, domain.business, agent.instanceId))).toBe('people.not_allowed');
  expect(await codeOf(reviewLabels(control, security, randomUUID()))).toBe('segmentation.labels_unknown');
  await lowering(security, agent, revision);
  expect(await codeOf(lowering(security, agent, revision))).toBe('segmentation.labels_changed');
});

it('are as before when the time to look is over, and gateways are told', async () => {
  const agent = await enrolled();
  await read(agent, secret);
  const { revision } = await reviewLabels(control, domain.security, agent.instanceId);
  await control.change((tx) =>
    tx
      .updateTable('session_labels')
      .set({ review_at: Date.now() - labelReviewMs - 1 })
      .where('holder', '=', agent.instanceId)
      .execute(),
  );
  expect(await codeOf(lowering(domain.security, agent, revision))).toBe('segmentation.labels_changed');
  await read(agent, secret);
  const doc = await control.doc('labels', agent.instanceId);
  expect([doc?.underReview, doc?.confidentiality, doc?.revision]).toEqual([
    undefined,
    'confidential',
    revision + 1,
  ]);
});

it('are answered to a gateway when every other one knows them or refuses, also when it asks again at once', async () => {
  const { tenant } = control.config;
  for (const name of ['one', 'two']) {
    const known = { public_key: '{}', jkt: name, servers: '"*"' };
    const row = {
      tenant,
      id: randomUUID(),
      name,
      state: 'active',
      ...known,
      enrolled_at: 0,
      revoked_at: null,
    };
    await control.change((tx) => insertGateway(tx, row));
  }
  const agent = await enrolled();
  const begun = performance.now();
  const first = read(agent, secret).then(() => performance.now() - begun);
  await until(async () => (await control.doc('labels', agent.instanceId)) !== undefined);
  const again = read(agent, secret).then(() => performance.now() - begun);
  for (const tookMs of await Promise.all([first, again])) expect(tookMs).toBeGreaterThan(leaseMs);
});
