/**
 * Room: identity (I-2, R-3). How an instance comes in and stays in: join token, proof of possession, short-lived access token, session.
 * Control mints sessions; an instance has one open session at a time. Nothing here outlives its agent's credential epoch or its version.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { signAccessToken } from '@atf/core/identity/access-token';
import { effectiveLevel } from '@atf/core/maturity/levels';
import { type Credential, routes } from '@atf/core/wire/api';
import { type AccessTokenClaims, endpointPrefixes, spiffeId } from '@atf/core/wire/token';
import { nameSchema } from '@atf/core/wire/words';
import { isGatewayUrl } from '../gateways/store.ts';
import type { Control, Tx } from '../context.ts';
import { dpopOf, type Headers } from '../proofs.ts';
import { keepReason } from '../incident/reasons.ts';
import { forgetLabels } from '../segmentation/labels.ts';
import { settingsInForce } from '../policy/load.ts';
import {
  activeInstances,
  activeInstanceWithKey,
  bindInstance,
  endSession,
  insertInstance,
  insertJoinToken,
  type InstanceRow,
  instanceById,
  openSession,
  openSessionOf,
  openSessionsOfAgent,
  prolongSession,
  revokeInstance,
  sessionById,
  takeLapsedSessions,
  useJoinToken,
  voidJoinTokens,
} from './credential-store.ts';
import { type AgentRow, lockAgent, updateAgent, versionByDigest } from './store.ts';
import { putAgentDoc } from './agents.ts';
import { type Delegated, delegatedTo } from './delegation-chain.ts';
import { delegationById, takeDelegation } from './delegation-store.ts';
import { refuseStopped } from './refuse-stopped.ts';
import type { TaskRow } from './task-store.ts';
import { takeTask, taskFor } from './task-take.ts';

const joinTokenMs = 15 * 60_000;
const joinTokenKeptMs = 24 * 3_600_000;
const joinTokenBytes = 32;
/** Running copies of one agent. */
export const instancesPerAgentMax = 100;
/** A session is one stretch of work, not a life: after this a new one begins by itself. */
const sessionMsMax = 24 * 3_600_000;
const lapsedSessionsPerTurn = 50;

/** Issues a one-time join token of 15 minutes. Refuses stopped agents. */
export async function issueJoinToken(
  control: Control,
  agentId: string,
  by: string,
): Promise<{ joinToken: string; expiresAt: string }> {
  const { tenant } = control.config;
  const joinToken = `atfj_${randomBytes(joinTokenBytes).toString('base64url')}`;
  const expiresAtMs = control.clock.nowMs() + joinTokenMs;
  await control.change(async (tx) => {
    const agent = (await lockAgent(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
    await refuseStopped(tx, tenant, agent);
    const row = {
      tenant,
      token_hash: sha256(joinToken),
      agent_id: agent.id,
      issued_by: by,
      expires_at: expiresAtMs,
      used_at: null,
    };
    await insertJoinToken(tx, row, joinTokenKeptMs);
    await control.audit.enqueue(tx, 'identity.join_token_issued', {
      agentId: agent.id,
      agent: agent.name,
      by,
      expiresAt: new Date(expiresAtMs).toISOString(),
    });
  });
  return { joinToken, expiresAt: new Date(expiresAtMs).toISOString() };
}

/** The instance that holds this key: the one that it has, or a new one; without a key always a new one. Refuses more than an agent may have. */
export async function instanceFor(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  jkt: string | null,
  enrolledBy: string,
): Promise<InstanceRow> {
  const { tenant } = control.config;
  const bound = {
    manifest_digest: agent.manifest_digest,
    credential_epoch: agent.credential_epoch,
    enrolled_by: enrolledBy,
  };
  const known = jkt === null ? undefined : await activeInstanceWithKey(tx, tenant, jkt);
  if (known !== undefined) {
    if (known.agent_id !== agent.id)
      refuse('identity.proof_invalid', 'This key belongs to an instance of another agent.');
    await bindInstance(tx, tenant, known.id, bound);
    return { ...known, ...bound };
  }
  if ((await activeInstances(tx, tenant, agent.id)).length >= instancesPerAgentMax) {
    refuse(
      'request.overloaded',
      `The agent has ${instancesPerAgentMax} instances; revoke those that are gone.`,
    );
  }
  const row: InstanceRow = {
    tenant,
    id: randomUUID(),
    agent_id: agent.id,
    jkt,
    state: 'active',
    ...bound,
    enrolled_at: control.clock.nowMs(),
  };
  await insertInstance(tx, row);
  await control.feed.put(tx, 'instance', row.id, {
    id: row.id,
    agentId: agent.id,
    ...(jkt === null ? {} : { jkt }),
    state: 'active',
  });
  return row;
}

/** Ends a session before its last token does, and tells gateways for as long as that token would live. */
async function closeSession(
  control: Control,
  tx: Tx,
  session: { sid: string; expires_at: number },
): Promise<void> {
  await endSession(tx, control.config.tenant, session.sid, control.clock.nowMs());
  await control.feed.put(tx, 'revoked_session', session.sid, {
    sid: session.sid,
    until: new Date(session.expires_at).toISOString(),
  });
}

/** Ends one session for good (R-2, stop of a session). Gives how many ended: one or none. */
export async function revokeSession(control: Control, tx: Tx, sid: string): Promise<number> {
  const session = await sessionById(tx, control.config.tenant, sid);
  if (session === undefined || session.ended_at !== null) return 0;
  await closeSession(control, tx, session);
  return 1;
}

/** Takes notices of sessions away that no token names any more. */
async function forgetLapsed(control: Control, tx: Tx): Promise<void> {
  for (const sid of await takeLapsedSessions(
    tx,
    control.config.tenant,
    control.clock.nowMs(),
    lapsedSessionsPerTurn,
  )) {
    await control.feed.put(tx, 'revoked_session', sid, null);
  }
}

/** What a session works on: a task of a person, a delegation of another agent, or neither. */
interface Work {
  readonly task?: TaskRow;
  readonly delegated?: Delegated;
}

interface SessionWanted extends Work {
  readonly fresh: boolean;
  readonly expiresAtMs: number;
}

async function sessionFor(
  control: Control,
  tx: Tx,
  instance: InstanceRow,
  { fresh, expiresAtMs, task, delegated }: SessionWanted,
): Promise<string> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  await forgetLapsed(control, tx);
  const open = await openSessionOf(tx, tenant, instance.id);
  // What a session was given stays with it, so its task does not change either.
  const work = task ?? delegated?.row;
  const same = open !== undefined && !fresh && (work === undefined || work.sid === open.sid);
  if (same && nowMs - open.opened_at < sessionMsMax) {
    await prolongSession(tx, tenant, open.sid, expiresAtMs);
    return open.sid;
  }
  if (open !== undefined) await closeSession(control, tx, open);
  const sid = randomUUID();
  await openSession(tx, {
    tenant,
    sid,
    agent_id: instance.agent_id,
    instance_id: instance.id,
    opened_at: nowMs,
    expires_at: expiresAtMs,
    ended_at: null,
    task_id: task?.id ?? null,
    delegation_id: delegated?.row.id ?? null,
  });
  if (task !== undefined) await takeTask(control, tx, task, sid);
  if (delegated !== undefined) {
    const { id, agent_id: agentId, by_agent_id: byAgentId } = delegated.row;
    await takeDelegation(tx, tenant, id, sid);
    await control.audit.enqueue(tx, 'identity.delegation_taken', {
      delegationId: id,
      agentId,
      sid,
      byAgentId,
    });
  }
  return sid;
}

export interface CredentialWanted {
  readonly newSession: boolean;
  /** The only resource that may take the token (RFC 8707): the gateway, which is also the default, or one tool server there. */
  readonly resource?: string | undefined;
  /** The task that the session is to work on; absent: what it works on already. */
  readonly task?: string | undefined;
}

/**
 * What the session that goes on works on, or the one that begins. A session is over with its work. Refuses `identity.task_unknown`, and for a delegation
 * whatever does not hold above it any more.
 */
async function workWanted(
  control: Control,
  tx: Tx,
  instance: InstanceRow,
  { newSession, task }: CredentialWanted,
): Promise<Work> {
  const { tenant } = control.config;
  const open = await openSessionOf(tx, tenant, instance.id);
  const goesOn = task === undefined && !newSession;
  const delegationId =
    task === undefined
      ? (goesOn && open?.delegation_id) || undefined
      : (await delegationById(tx, tenant, task))?.id;
  if (delegationId !== undefined) {
    const sid = newSession ? undefined : open?.sid;
    return { delegated: await delegatedTo(control, tx, delegationId, instance.agent_id, sid) };
  }
  const wanted = task ?? (goesOn ? (open?.task_id ?? undefined) : undefined);
  if (wanted === undefined) return {};
  return { task: await taskFor(control, tx, wanted, instance.agent_id, open?.sid) };
}

interface Resource {
  /** `aud` of the token. */
  readonly audience: string;
  /** The gateway that takes it. */
  readonly gatewayUrl: string;
}

/**
 * What a token is for: the gateway that agents are sent to, another active one that was named by its own address, or one tool server of either. Refuses
 * `identity.resource_unknown` for what is no address of this deployment.
 */
async function resourceOf(control: Control, tx: Tx, wanted: string | undefined): Promise<Resource> {
  const { tenant, gatewayUrl } = control.config;
  const usual = new URL(gatewayUrl).origin;
  if (wanted === undefined) return { audience: usual, gatewayUrl };
  const gateway = URL.canParse(wanted) ? new URL(wanted).origin : '';
  if (gateway !== usual && !(await isGatewayUrl(tx, tenant, gateway)))
    return refuse('identity.resource_unknown');
  const named = gateway === usual ? gatewayUrl : gateway;
  if (wanted === gateway || wanted === `${gateway}/`) return { audience: gateway, gatewayUrl: named };
  const door = endpointPrefixes.find((each) => wanted.startsWith(`${gateway}${each}`)) ?? '';
  const server = door === '' ? '' : wanted.slice(`${gateway}${door}`.length);
  return nameSchema.safeParse(server).success
    ? { audience: `${gateway}${door}${server}`, gatewayUrl: named }
    : refuse('identity.resource_unknown');
}

async function credentialFor(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  instance: InstanceRow,
  wanted: CredentialWanted,
): Promise<Credential> {
  const { tenant, controlUrl, trustDomain } = control.config;
  const { audience, gatewayUrl } = await resourceOf(control, tx, wanted.resource);
  const proof = instance.jkt === null ? 'none' : 'dpop';
  const level = effectiveLevel({ level: agent.level, ceiling: agent.ceiling ?? undefined }, proof);
  const seconds = (await settingsInForce(control, tx)).tokenSeconds[level];
  const iat = Math.floor(control.clock.nowMs() / 1000);
  const work = await workWanted(control, tx, instance, wanted);
  const endsAtMs = work.task?.expires_at ?? work.delegated?.endsAtMs ?? Infinity;
  const exp = Math.min(iat + seconds, Math.ceil(endsAtMs / 1000));
  const sid = await sessionFor(control, tx, instance, {
    fresh: wanted.newSession,
    expiresAtMs: exp * 1000,
    ...work,
  });
  const version = await versionByDigest(tx, tenant, agent.id, agent.manifest_digest);
  if (version === undefined) throw new Error('an agent without its version');
  const claims = {
    iss: controlUrl,
    sub: spiffeId(trustDomain, agent.id, instance.id),
    aud: audience,
    iat,
    exp,
    jti: randomUUID(),
    tenant,
    agent: agent.id,
    inst: instance.id,
    sid,
    ver: agent.manifest_digest,
    cep: agent.credential_epoch,
    // What was proved, not what the manifest wishes for: attestation is not there yet.
    assurance: 'claimed' as const,
    ...(instance.jkt === null ? {} : { cnf: { jkt: instance.jkt } }),
    ...claimsOf(work),
  };
  const firstKid = control.keys.publicJwks().keys.at(-1)?.kid ?? '';
  return {
    agentId: agent.id,
    agent: agent.name,
    instanceId: instance.id,
    sid,
    token: signAccessToken(claims, firstKid, (data) => control.keys.sign('token', data)),
    tokenType: instance.jkt === null ? 'Bearer' : 'DPoP',
    expiresAt: new Date(exp * 1000).toISOString(),
    gatewayUrl,
    servers: [...new Set(version.manifest.tools.map((tool) => tool.split('/', 1)[0] ?? ''))],
  };
}

function claimsOf({ task, delegated }: Work): Pick<AccessTokenClaims, 'task' | 'delegation'> {
  if (delegated === undefined) return task === undefined ? {} : { task: task.id };
  const { row, links, callsMax } = delegated;
  return {
    ...(row.task_id === null ? {} : { task: row.task_id }),
    delegation: { id: row.id, chain: [...links], calls: callsMax },
  };
}

export interface Enrolment {
  readonly joinToken: string;
  readonly bearer: boolean;
  readonly resource?: string | undefined;
  /** Of the request; holds the DPoP proof. */
  readonly headers: Headers;
}

/**
 * Exchanges a join token and a proof of possession for an instance and its first credential. The token is used up only if everything
 * else is right. Refuses `identity.join_token_invalid`, proofs, stopped agents, and bearer credentials above Intern.
 */
export async function enrol(
  control: Control,
  { joinToken, bearer, resource, headers }: Enrolment,
): Promise<Credential> {
  const { tenant } = control.config;
  const jkt = bearer ? null : dpopOf(control, headers, 'POST', routes['instances.enrol'].path).jkt;
  return control.change(async (tx) => {
    const admitted = await useJoinToken(tx, tenant, sha256(joinToken), control.clock.nowMs());
    const agent = admitted === undefined ? undefined : await lockAgent(tx, tenant, admitted.agentId);
    if (admitted === undefined || agent === undefined) return refuse('identity.join_token_invalid');
    await refuseStopped(tx, tenant, agent);
    if (
      bearer &&
      effectiveLevel({ level: agent.level, ceiling: agent.ceiling ?? undefined }, 'dpop') !== 'intern'
    ) {
      refuse('identity.proof_invalid', 'Only an Intern may hold a plain bearer token; enrol with a key.');
    }
    const instance = await instanceFor(control, tx, agent, jkt, admitted.issuedBy);
    const credential = await credentialFor(control, tx, agent, instance, { newSession: true, resource });
    await control.audit.enqueue(tx, 'identity.instance_enrolled', {
      agentId: agent.id,
      agent: agent.name,
      instanceId: instance.id,
      sid: credential.sid,
      manifestDigest: agent.manifest_digest,
      proof: jkt === null ? 'none' : 'dpop',
      by: admitted.issuedBy,
      ...(jkt === null ? {} : { jkt }),
    });
    return credential;
  });
}

/**
 * A new access token for an instance that proved its key. Refuses revoked instances, an older credential epoch
 * (`identity.credential_revoked`), another version of the agent (`identity.version_mismatch`) and whatever is stopped.
 */
export async function renew(
  control: Control,
  instanceId: string,
  jkt: string,
  wanted: CredentialWanted,
): Promise<Credential> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const found = await instanceById(tx, tenant, instanceId);
    if (found === undefined || found.jkt === null || found.jkt !== jkt)
      return refuse('identity.instance_unknown');
    const agent = (await lockAgent(tx, tenant, found.agent_id)) ?? refuse('identity.agent_unknown');
    await refuseStopped(tx, tenant, agent);
    // Read again under the agent's lock: a kill that came first has revoked it.
    const instance = await instanceById(tx, tenant, instanceId);
    if (instance === undefined || found.credential_epoch !== agent.credential_epoch)
      return refuse('identity.credential_revoked');
    if (instance.state !== 'active') return refuse('identity.instance_unknown', 'The instance was revoked.');
    if (instance.manifest_digest !== agent.manifest_digest) return refuse('identity.version_mismatch');
    return credentialFor(control, tx, agent, instance, wanted);
  });
}

/**
 * Voids every credential, session, instance and join token of an agent, in the caller's transaction. A key alone does not bring it
 * back: instances enrol again with a new join token. Gives the number of sessions that ended.
 */
export async function voidCredentials(control: Control, tx: Tx, agentId: string): Promise<number> {
  const { tenant } = control.config;
  const agent = (await lockAgent(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
  const row = await updateAgent(tx, tenant, agentId, {
    epoch: agent.epoch + 1,
    credential_epoch: agent.credential_epoch + 1,
  });
  const version =
    row === undefined ? undefined : await versionByDigest(tx, tenant, agentId, row.manifest_digest);
  if (row === undefined || version === undefined) throw new Error('an agent without its version');
  await putAgentDoc(control, tx, row, version.manifest);
  await voidJoinTokens(tx, tenant, agentId, control.clock.nowMs());
  for (const { id, jkt } of await activeInstances(tx, tenant, agentId)) {
    await revokeInstance(tx, tenant, id);
    await forgetLabels(control, tx, id);
    await control.feed.put(tx, 'instance', id, {
      id,
      agentId,
      ...(jkt === null ? {} : { jkt }),
      state: 'revoked',
    });
    await control.audit.enqueue(tx, 'identity.instance_revoked', {
      agentId,
      agent: row.name,
      instanceId: id,
    });
  }
  const open = await openSessionsOfAgent(tx, tenant, agentId);
  for (const session of open) await closeSession(control, tx, session);
  return open.length;
}

/** As {@link voidCredentials}, asked for by a person without a stop. */
export async function revokeSessions(
  control: Control,
  agentId: string,
  by: string,
  reason: string,
): Promise<void> {
  await control.change(async (tx) => {
    const sessions = await voidCredentials(control, tx, agentId);
    const revocationId = await keepReason(control, tx, by, {
      kind: 'revoked',
      key: `agent:${agentId}`,
      reason,
    });
    await control.audit.enqueue(tx, 'identity.sessions_revoked', { agentId, by, sessions, revocationId });
  });
}
