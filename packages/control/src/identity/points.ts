/**
 * Room: identity (I-2, S-1). Enforcement points of others: who may ask for decisions, and about what. For each agent that a point asks about it holds an instance
 * of that agent, so that all that voids an instance (a kill, a revocation, another version) ends what may be asked through the point, too; a person
 * registers it anew then. The credential is shown once; its digest is kept.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person, ResponseOf } from '@atf/core/wire/api';
import { type Point, pointsMax } from '@atf/core/wire/enforcement';
import type { Control, Handlers, Tx } from '../context.ts';
import { applicationInForce, newestApplication } from '../policy/application-store.ts';
import { applicationViews } from '../policy/applications.ts';
import { serverByName } from '../segmentation/store.ts';
import { actingGateway, actingPerson } from './acting.ts';
import { instanceFor } from './credentials.ts';
import { refuseStopped } from './refuse-stopped.ts';
import { forgetLabels } from '../segmentation/labels.ts';
import { revokeInstance } from './credential-store.ts';
import {
  activePoint,
  activePointNames,
  insertPoint,
  type PointRow,
  pointRows,
  revokePointRow,
} from './point-store.ts';
import { lockAgentNamed } from './store.ts';

const secretBytes = 32;
const iso = (ms: number): string => new Date(ms).toISOString();

interface Held {
  readonly agent: string;
  readonly agentId: string;
  readonly instanceId: string;
  readonly sid: string;
  readonly manifestDigest: string;
  readonly credentialEpoch: number;
}

const heldOf = ({ agents }: PointRow): Held[] => JSON.parse(agents) as Held[];

function viewOf(row: PointRow): Point {
  return {
    id: row.id,
    name: row.name,
    agents: heldOf(row).map(({ agent }) => agent),
    ...(row.application === null ? {} : { application: row.application }),
    services: JSON.parse(row.services) as Point['services'],
    proves: row.proves,
    questionsPerMinute: row.questions_per_minute,
    registeredAt: iso(row.registered_at),
    ...(row.revoked_at === null ? {} : { revokedAt: iso(row.revoked_at) }),
  };
}

/** An address has one reading: no path, user, query or fragment. */
function checkOrigin(url: string): void {
  const { origin } = new URL(url);
  if (url !== origin && url !== `${origin}/`)
    refuse('request.malformed', 'services: an http or https origin, without path, user, query or fragment');
}

async function checkServices(control: Control, tx: Tx, services: Point['services']): Promise<void> {
  for (const [name, url] of Object.entries(services)) {
    checkOrigin(url);
    const server =
      (await serverByName(tx, control.config.tenant, name)) ?? refuse('segmentation.server_unknown');
    if (server.transport.kind !== 'openapi')
      refuse('segmentation.wrong_door', `${name} is not an HTTP service with an OpenAPI document`);
  }
}

/** An instance of each agent for the point. Refuses unknown and stopped agents, and more than an agent may have. */
async function holdAgents(control: Control, tx: Tx, names: readonly string[], by: string): Promise<Held[]> {
  const { tenant } = control.config;
  const held: Held[] = [];
  // In one order, so that two registrations at once do not wait for each other.
  for (const name of [...new Set(names)].sort()) {
    const agent = (await lockAgentNamed(tx, tenant, name)) ?? refuse('identity.agent_not_found', name);
    await refuseStopped(tx, tenant, agent);
    const instance = await instanceFor(control, tx, agent, null, by);
    held.push({
      agent: agent.name,
      agentId: agent.id,
      instanceId: instance.id,
      sid: randomUUID(),
      manifestDigest: agent.manifest_digest,
      credentialEpoch: agent.credential_epoch,
    });
  }
  return held;
}

/** Refuses a name that an active point has, and unknown agents, applications' names that are no names, services that are none. */
export async function registerPoint(
  control: Control,
  person: Person,
  given: BodyOut<'points.register'>,
): Promise<ResponseOf<'points.register'>> {
  const { tenant } = control.config;
  const { name, agents, application, services, proves, questionsPerMinute } = given;
  if (agents.length === 0 && application === undefined && Object.keys(services).length === 0)
    refuse(
      'request.malformed',
      'name agents, an application or services: a point that may ask nothing is none',
    );
  const id = randomUUID();
  const credential = `atfp_${id}_${randomBytes(secretBytes).toString('base64url')}`;
  const row = await control.change(async (tx) => {
    const names = await activePointNames(tx, tenant);
    if (names.length >= pointsMax) refuse('request.overloaded', `there are ${pointsMax} points; revoke some`);
    await checkServices(control, tx, services);
    const held = await holdAgents(control, tx, agents, person.id);
    const made: PointRow = {
      tenant,
      id,
      name,
      credential_digest: sha256(credential),
      agents: JSON.stringify(held),
      application: application ?? null,
      services: JSON.stringify(services),
      proves,
      questions_per_minute: questionsPerMinute,
      registered_at: control.clock.nowMs(),
      registered_by: person.id,
      revoked_at: null,
    };
    if (!(await insertPoint(tx, made))) refuse('request.malformed', `an active point is called ${name}`);
    await control.audit.enqueue(tx, 'identity.point_registered', {
      pointId: id,
      name,
      agents: held.map(({ agentId, instanceId }) => ({ agentId, instanceId })),
      ...(application === undefined ? {} : { application }),
      services: Object.keys(services),
      proves,
      by: person.id,
    });
    return made;
  });
  return { point: viewOf(row), credential };
}

/** Ends the point and the instances that it held. Revoking twice is no error: what was wanted is so. */
export async function revokePoint(
  control: Control,
  person: Person,
  id: string,
  reason: string,
): Promise<void> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const row = await revokePointRow(tx, tenant, id, control.clock.nowMs());
    if (row === undefined) return;
    for (const { agentId, instanceId } of heldOf(row)) {
      await revokeInstance(tx, tenant, instanceId);
      await forgetLabels(control, tx, instanceId);
      await control.feed.put(tx, 'instance', instanceId, { id: instanceId, agentId, state: 'revoked' });
    }
    await control.audit.enqueue(tx, 'identity.point_revoked', {
      pointId: id,
      name: row.name,
      by: person.id,
      reason,
    });
  });
}

/** For gateways. Refuses `identity.point_unknown`, also for one that was revoked. */
async function pointForGateway(control: Control, id: string): Promise<ResponseOf<'gateway.point'>> {
  const { tenant } = control.config;
  const row = (await activePoint(control.db, tenant, id)) ?? refuse('identity.point_unknown');
  const newest =
    row.application === null ? undefined : await newestApplication(control.db, tenant, row.application);
  return {
    id: row.id,
    name: row.name,
    credentialDigest: row.credential_digest,
    agents: heldOf(row).map(({ agentId, instanceId, sid, manifestDigest, credentialEpoch }) => ({
      agentId,
      instanceId,
      sid,
      manifestDigest,
      credentialEpoch,
    })),
    ...(row.application === null
      ? {}
      : {
          application: { name: row.application, ...(newest === undefined ? {} : { digest: newest.digest }) },
        }),
    services: JSON.parse(row.services) as Point['services'],
    proves: row.proves,
    questionsPerMinute: row.questions_per_minute,
  };
}

type Operation =
  | 'points.list'
  | 'points.register'
  | 'points.revoke'
  | 'applications.list'
  | 'applications.versions'
  | 'gateway.point'
  | 'gateway.application';

export const enforcementRoutes: Handlers<Operation> = {
  async 'points.list'(control, { actor }) {
    actingPerson(actor);
    return { items: (await pointRows(control.db, control.config.tenant, pointsMax * 2)).map(viewOf) };
  },

  'points.register': async (control, { actor, body }) => registerPoint(control, actingPerson(actor), body),

  async 'points.revoke'(control, { actor, params, body }) {
    await revokePoint(control, actingPerson(actor), params.id, body.reason);
    return { ok: true };
  },

  async 'applications.list'(control, { actor }) {
    actingPerson(actor);
    return { items: await applicationViews(control) };
  },

  async 'applications.versions'(control, { actor, params }) {
    actingPerson(actor);
    return { items: await applicationViews(control, params.name) };
  },

  async 'gateway.point'(control, { actor, params }) {
    actingGateway(actor);
    return pointForGateway(control, params.id);
  },

  async 'gateway.application'(control, { actor, params }) {
    actingGateway(actor);
    const doc = await applicationInForce(control.db, control.config.tenant, params.name);
    return doc ?? refuse('policy.application_unknown');
  },
};
