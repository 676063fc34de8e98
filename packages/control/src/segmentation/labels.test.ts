/** Labels at control: they survive, they are everybody's before a gateway is answered, and they are nobody else's. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leaseMs } from '@atf/core/wire/feed';
import { insertGateway } from '../gateways/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { type Domain, domainOf } from '../workspace/domain.fixture.ts';
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
