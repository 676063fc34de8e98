import { encodeEntry } from '@atf/core/audit/entry';
import { encodeBundle } from '@atf/core/audit/tiles';
import {
  agentDoc,
  manifestDigest,
  permits,
  policyOf,
  receivedOf,
  recordOf,
  uuid,
  worldOf,
} from '@atf/core/decide.fixture';
import { sha256 } from '@atf/core/digest';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { PolicyFacts, Received, World } from '@atf/core/world';
import { describe, expect, it } from 'vitest';
import { Trials } from './bundle.ts';
import type { Facts, Wanted } from './messages.ts';

const set = (name: string, decision: 'allow' | 'deny'): PolicyFacts => ({
  ...policyOf(() => (decision === 'allow' ? permits : { decision, reasons: ['guard.frozen'], errors: [] })),
  digest: sha256(name),
});
const [live, frozen] = [set('live', 'allow'), set('frozen', 'deny')];

const args = { order: 'O-1', amount: 20, currency: 'EUR' };
const plain = receivedOf({ args, argsDigest: sha256(canonicalJson(args)) });
const aboveDigest = sha256('manifest above');
const above = { ...agentDoc, id: uuid(30), name: 'lead', manifestDigest: aboveDigest };
const link = { agentId: above.id, instanceId: uuid(33), sid: uuid(34), manifestDigest: aboveDigest };
const chained: Received = {
  ...plain,
  credential: {
    ...plain.credential,
    chain: {
      delegationId: uuid(40),
      callsMax: 10,
      links: [{ ...link, credentialEpoch: above.credentialEpoch }],
    },
  },
};
const aboveFact = {
  agent: above,
  instance: { agentId: above.id, state: 'active' as const },
  sessionRevoked: false,
};
/** Its amount decides, so its arguments are needed. */
const limited = {
  ...agentDoc,
  limits: [{ tool: 'back-office/refund_order', amountMax: 100, currency: 'EUR' }],
};
const limitedDigest = sha256('limited');

function leaf(body: JsonObject, n: number): Uint8Array {
  const at = '2026-11-20T11:00:00.000Z';
  const entry = encodeEntry(
    {
      type: 'action.intent',
      at,
      tenant: 'default',
      agent: agentDoc.id,
      body,
      payload: { id: `p${n}`, commitment: sha256('c') },
    },
    { control: `event-${n}` },
  );
  if (entry === undefined) throw new Error('too large');
  return entry;
}
const recorded = (received: Received, world: Partial<World>) =>
  recordOf(received, worldOf({ policy: live, ...world })) as unknown as JsonObject;

function trials(after: PolicyFacts) {
  const asked: Wanted[] = [];
  const answer = async (wanted: Wanted): Promise<Facts> => {
    asked.push(wanted);
    const manifests = new Map([
      [manifestDigest, agentDoc],
      [aboveDigest, above],
      [limitedDigest, limited],
    ]);
    return {
      manifests: wanted.manifests.map((digest) => [digest, manifests.get(digest) ?? null]),
      definitions: wanted.definitions.map((digest) => [digest, { name: 'refund_order' }]),
      payloads: wanted.payloads.map(({ id }) => [id, canonicalJson(plain.args)]),
    };
  };
  const looked = { agentId: undefined, sinceMs: 0, touched: undefined };
  return { asked, trials: new Trials({ before: live, after, level: undefined }, looked, answer) };
}

const bundle = (bodies: readonly JsonObject[], changesWanted = 10) => ({
  first: 512,
  width: bodies.length,
  bytes: encodeBundle(bodies.map(leaf)),
  changesWanted,
});

describe('the decisions of a bundle', () => {
  it('are made again where the manifests of the agents above are asked for, too', async () => {
    const { asked, trials: run } = trials(live);
    const body = recorded(chained, { above: [aboveFact] });
    expect(await run.look(bundle([body, body]))).toMatchObject({
      decisions: 2,
      changed: 0,
      unreplayable: {},
    });
    await run.look(bundle([body]));
    const manifests = asked.map((wanted) => wanted.manifests).filter((digests) => digests.length > 0);
    expect(manifests).toEqual([[manifestDigest], [aboveDigest]]);
  });

  it('are told in the order of the log, also where the first waits for its arguments, and as many as are wanted', async () => {
    const { trials: run } = trials(frozen);
    const simple = recorded(plain, {});
    const credential = { ...plain.credential, manifestDigest: limitedDigest };
    const agent = { ...limited, manifestDigest: limitedDigest };
    const waits = recorded({ ...plain, credential }, { agent });
    await run.look(bundle([simple, waits]));
    const found = await run.look(bundle([waits, simple]));
    expect(found).toMatchObject({ decisions: 2, changed: 2, unreplayable: {} });
    expect(found.changes.map(({ record }) => record)).toEqual([512, 513]);
    const one = await run.look(bundle([waits, simple], 1));
    expect([one.changed, one.changes.map(({ record }) => record)]).toEqual([2, [512]]);
    expect(one.counts).toEqual(found.counts);
  });

  it('of an agent whose manifest is nowhere are counted as such, and it is asked for once', async () => {
    const { asked, trials: run } = trials(live);
    const gone = recorded(plain, { agent: { ...agentDoc, manifestDigest: sha256('gone') } });
    for (let each = 0; each < 2; each++)
      expect(await run.look(bundle([gone]))).toMatchObject({ decisions: 0, unreplayable: { manifest: 1 } });
    expect(asked).toHaveLength(1);
  });
});
