/**
 * Fills the state of a product that is stopped: agents with an instance each, and records in the log. A process of its own: it is the control plane of that
 * state while it runs, and ends as one. Agents go through the registration of the product; records are chained and sealed by the
 * key of a gateway that is enrolled for it, and written as the files and rows that the sequencer would write, in larger steps; so that the log verifies. What the
 * records say is copied from one real call, with other agents, ids, times and payloads.
 *
 * stdin: one JSON line {@link StatePlan}; stdout: one JSON line {@link StateMade}. Progress goes to stderr.
 */
import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { activityRows, insertIndexRows } from '@atf/control/audit/index-store';
import { indexRow } from '@atf/control/audit/log-index';
import { readEntry } from '@atf/control/audit/log-files';
import { RowTileStore } from '@atf/control/audit/row-tile-store';
import {
  advanceHead,
  insertPayloads,
  lockGateway,
  logHead,
  pendingCount,
  updateGateway,
} from '@atf/control/audit/store';
import { FileTileStore, type TileStore } from '@atf/control/audit/tile-store';
import { composeControl } from '@atf/control/compose';
import type { ControlOptionsInput } from '@atf/control/config';
import type { Control } from '@atf/control/context';
import { bootstrapLevel, registerAgent } from '@atf/control/identity/agents';
import { insertInstance, openSession } from '@atf/control/identity/credential-store';
import { agentById } from '@atf/control/identity/store';
import { hostOperator } from '@atf/control/people/registry';
import { startRooms } from '@atf/control/rooms';
import { decodeEntry, encodeEntry, type Entry, type EntryDraft } from '@atf/core/audit/entry';
import { makeSeal, type SealSigner } from '@atf/core/audit/gateway-key';
import { leafHash } from '@atf/core/audit/merkle';
import { genesisHash } from '@atf/core/audit/spool-frame';
import { tileWidth } from '@atf/core/audit/tiles';
import { growTree, readEdge } from '@atf/core/audit/tree-edge';
import { routes } from '@atf/core/wire/api';
import type { JsonObject } from '@atf/core/wire/json';
import { gatewayKeyOf } from '@atf/gateway/gateway-key';
import { sealText } from '@atf/gateway/payload';
import { ControlClient } from '@atf/sdk/client';
import { until } from '../tests/e2e/product.ts';
import { mixedLevel, mixedRights } from './fleet.ts';

export interface StatePlan {
  readonly dataDir: string;
  readonly keyFile: string;
  readonly databaseUrl?: string;
  readonly agents: number;
  readonly records: number;
  /** `mixed`: at four levels, with tools of all classes (fleet.ts); absent: interns that read orders. */
  readonly fleet?: 'mixed';
}

export interface StateMade {
  readonly agents: number;
  readonly records: number;
  readonly seconds: number;
}

const agentsPerChange = 50;
const recordsPerStep = 4_096;
const recordsPerSeal = 64;
/** The records are spread over this time before now. */
const overMs = 30 * 24 * 3_600_000;

const plan = JSON.parse(readFileSync(0, 'utf8')) as StatePlan;
const begun = performance.now();
const seconds = () => (performance.now() - begun) / 1000;
const say = (text: string) => process.stderr.write(`${seconds().toFixed(0).padStart(5)} s  ${text}\n`);

const readsOrders = `domain: analysis
dataDomains: [customers, orders]
capabilities: [Read customers and orders]
tools: [back-office/list_customers, back-office/list_orders, back-office/get_order]
limits:
  - calls: { max: 60, perSeconds: 60 }
`;

const manifestOf = (n: number) => `name: bench-${String(n).padStart(5, '0')}
version: 1.0.0
owner: ines.marchetti@example.com
technicalOwner: tomas.novak@example.com
businessOwner: grace.adeyemi@example.com
purpose: Reads orders of region ${n} and reports what stands out
${plan.fleet === 'mixed' ? mixedRights(n) : readsOrders}escalation: grace.adeyemi@example.com
model: { provider: none, name: none }
`;

interface Known {
  readonly agentId: string;
  readonly agent: string;
  readonly manifestDigest: string;
  readonly instanceId: string;
  readonly sid: string;
}

/** Registers as the product does, and gives each agent the instance and session that it would have after it enrolled. */
async function makeAgents(control: Control): Promise<Known[]> {
  const { tenant } = control.config;
  const by = { id: (await hostOperator(control)).id, operator: true };
  const known: Known[] = [];
  for (let from = 0; from < plan.agents; from += agentsPerChange) {
    await control.change(async (tx) => {
      for (let n = from; n < Math.min(plan.agents, from + agentsPerChange); n++) {
        const agentId = await registerAgent(control, tx, manifestOf(n), 'yaml', by);
        if (plan.fleet === 'mixed') await bootstrapLevel(control, tx, agentId, mixedLevel(n));
        const agent = await agentById(tx, tenant, agentId);
        if (agent === undefined) throw new Error('an agent vanished');
        const [instanceId, sid, jkt] = [randomUUID(), randomUUID(), randomBytes(32).toString('base64url')];
        const nowMs = control.clock.nowMs();
        await insertInstance(tx, {
          tenant,
          id: instanceId,
          agent_id: agentId,
          jkt,
          state: 'active',
          manifest_digest: agent.manifest_digest,
          credential_epoch: agent.credential_epoch,
          enrolled_by: by.id,
          enrolled_at: nowMs,
        });
        await control.feed.put(tx, 'instance', instanceId, { id: instanceId, agentId, jkt, state: 'active' });
        const expires_at = nowMs + 3_600_000;
        const session = { tenant, sid, agent_id: agentId, instance_id: instanceId, opened_at: nowMs };
        await openSession(tx, { ...session, expires_at, ended_at: null, task_id: null, delegation_id: null });
        known.push({ agentId, agent: agent.name, manifestDigest: agent.manifest_digest, instanceId, sid });
      }
    });
    if (from % 1_000 === 0) say(`${known.length} agents`);
  }
  return known;
}

function storeOf({ db, change, config, shared }: Control): TileStore {
  const { tenant, dataDir } = config;
  return shared === undefined
    ? new FileTileStore(join(dataDir, 'log'))
    : new RowTileStore({ db, tenant, change });
}

/** Intent and outcome of the newest real call in the log. */
async function templates(control: Control): Promise<readonly [Entry, Entry]> {
  const { db, config } = control;
  const { tenant } = config;
  const [outcome] = await activityRows(db, { tenant, types: ['action.outcome'], outcome: 'done', limit: 1 });
  const rows = await activityRows(db, { tenant, action: outcome?.action ?? '', limit: 10 });
  const store = storeOf(control);
  // The head is committed a moment before the files that it stands for are in place.
  const read = (type: string) =>
    until(`${type} of a real call`, async () => {
      const size = (await logHead(db, tenant, `${config.trustDomain}/log/${tenant}`))?.size ?? 0;
      const row = rows.find((each) => each.type === type);
      const bytes = row === undefined ? undefined : await readEntry(store, row.log_index, size);
      return bytes === undefined ? undefined : decodeEntry(bytes);
    });
  return [await read('action.intent'), await read('action.outcome')];
}

async function enrolGateway(operator: ControlClient, url: string): Promise<Enrolled> {
  const key = gatewayKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const { joinToken } = await operator.call('gateways.joinToken', {
    body: { name: 'bench-past', servers: '*' },
  });
  const { method, path } = routes['gateways.enrol'];
  const proof = key.proof({ method, url: `${url}${path}`, gatewayId: undefined, nowMs: Date.now() });
  const publicKey = { ...key.publicJwk };
  const { gatewayId } = await operator.call('gateways.enrol', { body: { joinToken, publicKey, proof } });
  return { gatewayId, seal: key.seal };
}

interface Enrolled {
  readonly gatewayId: string;
  readonly seal: SealSigner;
}

/** One record, chained to the one before and sealed every {@link recordsPerSeal}, as a gateway's spool would write it. */
class Chain {
  #seq = 0;
  #prev: Uint8Array = genesisHash;
  #seal: string | undefined;
  readonly #gateway: Enrolled;

  constructor(gateway: Enrolled) {
    this.#gateway = gateway;
  }

  get last(): { readonly epoch: number; readonly seq: number; readonly hash: Uint8Array } {
    return { epoch: 1, seq: this.#seq, hash: this.#prev };
  }

  encode(draft: EntryDraft): Uint8Array {
    const { gatewayId: gateway, seal: signer } = this.#gateway;
    const prev = Buffer.from(this.#prev).toString('base64url');
    const place = { gateway, epoch: 1, seq: ++this.#seq, prev };
    const entry = encodeEntry(draft, this.#seal === undefined ? place : { ...place, seal: this.#seal });
    if (entry === undefined) throw new Error('a record is too large');
    this.#prev = leafHash(entry);
    const sealed = this.#seq % recordsPerSeal === 0;
    this.#seal = sealed ? makeSeal({ gateway, seq: this.#seq, hash: this.#prev }, signer) : undefined;
    return entry;
  }
}

/** What a decision says of its agent, so that it can be made again from its record. */
function decidedFor({ agentId, instanceId, sid, manifestDigest }: Known, { body }: Entry): JsonObject {
  const facts = body['facts'] as JsonObject;
  const agent = { ...(facts['agent'] as JsonObject), manifestDigest };
  const instance = { ...(facts['instance'] as JsonObject), agentId };
  return { instanceId, sid, manifestDigest, facts: { ...facts, agent, instance } };
}

/** Before the rooms of control start, so that nobody else writes the log: each step is durable and complete, as the sequencer's are. */
async function makeRecords(control: Control, agents: readonly Known[], gateway: Enrolled): Promise<void> {
  const { db, change, config, keys } = control;
  const { tenant } = config;
  const [intent, outcome] = await templates(control);
  const secret = keys.secret('payload');
  const wrapping = { kid: secret.kid, key: createSecretKey(secret.key) };
  const chain = new Chain(gateway);
  const store = storeOf(control);
  const origin = `${config.trustDomain}/log/${tenant}`;
  const firstMs = Date.now() - overMs;
  const recordOf = (n: number, actionId: string) => {
    const template = n % 2 === 0 ? intent : outcome;
    const known = agents[(n >> 1) % agents.length] as Known;
    const { agentId, agent, sid } = known;
    const text = JSON.stringify({ order_id: `O-${n}`, note: 'x'.repeat(n % 64) });
    const { ref, frame } = sealText(actionId, text, wrapping, randomBytes);
    const { v: _v, source: _source, ...rest } = template;
    const entry = chain.encode({
      ...rest,
      type: template.type as EntryDraft['type'],
      at: new Date(firstMs + Math.floor((n / plan.records) * overMs)).toISOString(),
      agent: agentId,
      session: sid,
      action: actionId,
      payload: { id: ref.id, commitment: ref.commitment },
      body: {
        ...template.body,
        actionId,
        agentId,
        agent,
        ...(template === intent ? decidedFor(known, template) : {}),
        payload: { ...ref },
      },
    });
    return { entry, frame };
  };
  let action = '';
  for (let n = 0; n < plan.records; ) {
    const head = await logHead(db, tenant, origin);
    const edge = head === undefined ? undefined : await readEdge((path) => store.get(path), head.size);
    if (head === undefined || edge === undefined) throw new Error('the log cannot be read');
    // Whole tiles, so that none is written twice.
    const end = Math.min(plan.records, n + recordsPerStep - (head.size % tileWidth));
    const made: ReturnType<typeof recordOf>[] = [];
    for (; n < end; n++) {
      if (n % 2 === 0) action = randomUUID();
      made.push(recordOf(n, action));
    }
    const entries = made.map(({ entry }) => entry);
    const growth = growTree(edge, entries);
    await store.put(growth.files);
    await change(async (tx) => {
      const rows = entries.map((entry, i) =>
        indexRow(tenant, head.size + i, entry, growth.hashes[i] as Uint8Array),
      );
      await insertIndexRows(tx, rows);
      const frames = made.map(({ frame }) => frame);
      await insertPayloads(tx, tenant, frames, Date.now());
      if (!(await advanceHead(tx, head, { size: growth.edge.size, root: growth.root })))
        throw new Error('somebody else writes the log');
      const none = {
        tenant,
        gateway: gateway.gatewayId,
        reported_epoch: 0,
        reported_seq: 0,
        reported_before: 0,
      };
      const row = await lockGateway(tx, { ...none, ...chain.last, forked_at: null });
      await updateGateway(tx, { ...row, ...chain.last });
    });
    if ((n / recordsPerStep) % 10 < 1) say(`${n} records`);
  }
}

const options: ControlOptionsInput = {
  dataDir: plan.dataDir,
  keyFile: plan.keyFile,
  port: 0,
  example: true,
  logLevel: 'error',
  ...(plan.databaseUrl === undefined ? {} : { databaseUrl: plan.databaseUrl }),
};

function operatorAt(url: string): ControlClient {
  const token = readFileSync(join(plan.dataDir, 'operator.token'), 'utf8').trim();
  return new ControlClient({ baseUrl: url, headers: () => ({ authorization: `Bearer ${token}` }) });
}

/** Nothing of an earlier moment waits for the log any more. */
const settled = ({ db, config }: Control) =>
  until(
    'nothing to wait',
    async () => ((await pendingCount(db, config.tenant)) === 0 ? true : undefined),
    600_000,
  );

const first = await composeControl(options, startRooms);
const agents = await makeAgents(first.control);
const gateway = await enrolGateway(operatorAt(first.url), first.url);
await settled(first.control);
await first.close();
const second = await composeControl(options, async (control, read) => {
  await makeRecords(control, agents, gateway);
  return startRooms(control, read);
});
const reason = 'It was only of the benchmark.';
await operatorAt(second.url).call('gateways.revoke', { params: { id: gateway.gatewayId }, body: { reason } });
await settled(second.control);
await second.close();
say('made');
const made: StateMade = { agents: plan.agents, records: plan.records, seconds: seconds() };
process.stdout.write(`${JSON.stringify(made)}\n`);
process.exit(0);
