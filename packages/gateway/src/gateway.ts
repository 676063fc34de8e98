/**
 * Puts a gateway together: key and enrolment, spool, snapshot and feed, tool servers, pipeline, front door. Every part is handed what it
 * needs; nothing here decides about actions.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pauseFor } from 'node:timers/promises';
import { refuse, RefusalError } from '@atf/core/errors';
import { policyFactsOf } from '@atf/core/policy/question';
import { type ContainmentDoc, leaseMs, type ToolDoc } from '@atf/core/wire/feed';
import type { Logger } from 'pino';
import type { GatewayConfig } from './config.ts';
import { createConnect } from './connect-server.ts';
import { ControlClient } from './control-client.ts';
import { Discovery } from './discovery.ts';
import { enrol, type Enrolment, readEnrolment } from './enrol.ts';
import { Feed } from './feed.ts';
import { type GatewayKey, openGatewayKey } from './gateway-key.ts';
import { Lease } from './lease.ts';
import { createMetrics } from './metrics.ts';
import { PayloadKey } from './payload-key.ts';
import { createPipeline } from './pipeline.ts';
import type { ClockPort, Ports } from './ports.ts';
import { GatewayServer } from './server.ts';
import { ServersFile } from './servers-file.ts';
import { Shipper } from './ship.ts';
import { Snapshot } from './snapshot.ts';
import { openSpool, type Spool } from './spool.ts';
import { StopFile } from './stop-file.ts';
import { Upstreams } from './upstreams.ts';

export const gatewayVersion = '0.1.0';
/** Time that calls under way get to finish when the gateway is told to end. */
export const drainMs = 10_000;
const shipOnCloseMs = 2_000;
const tickEveryMs = 1_000;
const finishRetryMs = 500;

export interface GatewayOptions extends GatewayConfig {
  readonly log: Logger;
  /** Gives the join token when the gateway is not enrolled and the configuration has none. */
  readonly askJoinToken?: () => Promise<string | undefined>;
  readonly environment?: NodeJS.ProcessEnv;
}

export interface RunningGateway {
  readonly url: string;
  readonly gatewayId: string;
  /** True once it serves: control heard, documents complete, records can be written. False after `boundMs`. */
  ready(boundMs: number): Promise<boolean>;
  /** Drains, ships, closes. Safe to call twice. */
  close(): Promise<void>;
}

const clock: ClockPort = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

async function enrolment(
  options: GatewayOptions,
  key: GatewayKey,
  control: ControlClient,
): Promise<Enrolment> {
  const known = readEnrolment(options.dir);
  if (known !== undefined) return known;
  const joinToken = options.joinToken ?? (await options.askJoinToken?.());
  if (joinToken === undefined)
    return refuse('identity.gateway_unknown', 'This gateway is not enrolled, and no join token was given.');
  const { dir, controlUrl } = options;
  const enrolled = await enrol({ dir, controlUrl, control, key, joinToken, nowMs: clock.nowMs() });
  if (!enrolled.ok) throw new RefusalError(enrolled.refusal);
  options.log.info({ gateway: enrolled.enrolment.gatewayId }, 'enrolled');
  return enrolled.enrolment;
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await pauseFor(ms, undefined, { signal }).catch(() => undefined);
};

function openPublicUrl({ publicUrl }: GatewayOptions, port: number): string {
  return publicUrl ?? `http://localhost:${port}`;
}

function hostsOf(options: GatewayOptions, port: number): string[] {
  const known = new URL(openPublicUrl(options, port)).host;
  const local = ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`);
  const loopback = ['127.0.0.1', '::1', 'localhost'].includes(options.host);
  return loopback ? [known, ...local] : [known, `${options.host}:${port}`];
}

/** Records that a stop file came or went: stops are exempt from full queues, and logged when possible. */
function recordStops(spool: Spool, tenant: string, stops: readonly ContainmentDoc[]): void {
  const lifted = stops.length === 0;
  const body = { by: 'stop file', scopes: stops.map(({ scope }) => ({ kind: scope.kind, id: scope.id })) };
  const type = lifted ? ('incident.containment_lifted' as const) : ('incident.containment_set' as const);
  void spool.appendUrgent({ type, at: new Date(clock.nowMs()).toISOString(), tenant, body });
}

/** @throws RefusalError when it cannot start: storage, key, enrolment, port. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { dir, controlUrl, log } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const key = openGatewayKey({ fromEnvironment: options.keyFromEnvironment, keyFile: options.keyFile, dir });
  let gatewayId: string | undefined;
  const authorization = (method: string, url: string): string | undefined =>
    gatewayId === undefined
      ? undefined
      : `GatewayProof ${key.proof({ method, url, gatewayId, nowMs: clock.nowMs() })}`;
  const control = new ControlClient({ url: controlUrl, authorization });
  const enrolled = await enrolment(options, key, control);
  gatewayId = enrolled.gatewayId;
  const spool = await openSpool({ directory: join(dir, 'spool'), gateway: gatewayId, signer: key.seal });
  try {
    return await assemble({ options, key, control, enrolled, spool });
  } catch (error) {
    await spool.close();
    await control.close();
    log.error(
      { code: error instanceof RefusalError ? error.refusal.code : 'internal.fault' },
      'the gateway could not start',
    );
    throw error;
  }
}

interface Parts {
  readonly options: GatewayOptions;
  readonly key: GatewayKey;
  readonly control: ControlClient;
  readonly enrolled: Enrolment;
  readonly spool: Spool;
}

async function assemble({ options, key, control, enrolled, spool }: Parts): Promise<RunningGateway> {
  const { dir, controlUrl, log } = options;
  const { gatewayId, tenant } = enrolled;
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const lease = new Lease(leaseMs);
  const snapshot = new Snapshot({
    clock,
    lease,
    compilePolicy: (doc) => {
      const compiled = policyFactsOf(doc);
      if (compiled.ok) return compiled.facts;
      log.error(
        { problems: compiled.problems.slice(0, 10).map(({ policyId, code }) => ({ policyId, code })) },
        'the policy set does not compile; everything is refused',
      );
      return undefined;
    },
  });
  const payloadKey = new PayloadKey(control);
  const discovery = new Discovery({ clock, control, upstreams: () => upstreams });
  const upstreams: Upstreams = new Upstreams({
    clock,
    connect: createConnect({
      file: new ServersFile(dir),
      environment: options.environment ?? process.env,
      onState: (server, state, detail) => log.info({ server, state, detail }, 'tool server'),
    }),
    onListed: (server, listed) => discovery.listed(server, listed),
    onChanged: (server) => discovery.changed(server),
  });
  const ports: Ports = {
    clock,
    random,
    spool,
    snapshot,
    upstream: upstreams,
    control,
    wrappingKey: () => payloadKey.current(),
  };

  // The port is known only once the door is open, and proofs name the public address: so the door opens first and serves nobody yet.
  const metrics = createMetrics({
    fresh: () => snapshot.fresh(),
    underWay: () => pipeline.calls.size,
    behind: () => shipper.behind(),
    spoolFailed: () => spool.state().failed,
    notificationsDropped: () => pipeline.notifier.dropped,
  });
  let publicUrl = options.publicUrl ?? '';
  const pipeline = createPipeline(ports, {
    publicUrl: () => publicUrl,
    onObserved: (observed) => metrics.observed(observed),
    pause: async (attempt) => await pauseFor(finishRetryMs * 2 ** attempt, undefined, { ref: false }),
  });
  const why = (): string | undefined => {
    if (!snapshot.fresh()) return 'control was not heard in time';
    if (payloadKey.current() === undefined) return 'no key for payloads yet';
    return spool.state().failed ? 'nothing can be recorded' : undefined;
  };
  const server = new GatewayServer({
    pipeline,
    hosts: (port) => hostsOf(options, port),
    ready: () => ({ ok: why() === undefined, why: why() }),
    metrics: async () => ({ type: metrics.contentType, text: await metrics.text() }),
    onFault: (error) => {
      const id = randomUUID();
      log.error(
        { id, fault: error instanceof Error ? error.stack : typeof error },
        'unexpected fault; the request was refused',
      );
      return id;
    },
  });
  const port = await server
    .listen(options.port, options.host)
    .catch((error: NodeJS.ErrnoException) =>
      refuse(
        error.code === 'EADDRINUSE' ? 'storage.port_taken' : 'storage.unwritable',
        `Port ${options.port}: ${error.code ?? 'unknown'}`,
      ),
    );
  publicUrl = openPublicUrl(options, port);

  const shipper = new Shipper({
    spool,
    pause,
    send: (path, frame, headers) => control.send('POST', path, frame, headers),
    onRefused: (code) => log.error({ code }, 'control does not take the records of this gateway'),
  });
  const feed = new Feed({
    controlUrl,
    authorization: (method, url) =>
      `GatewayProof ${key.proof({ method, url, gatewayId, nowMs: clock.nowMs() })}`,
    snapshot,
    lease,
    stopper: pipeline.stopper,
    clock,
    random,
    spoolHead: () => spool.head(),
    version: gatewayVersion,
    mcpUrl: publicUrl,
    onState: (state, detail) => {
      if (state !== 'complete') log.info({ state, detail }, 'feed');
      if (state === 'connected') {
        discovery.repeat();
        void payloadKey.tick(clock.monotonicMs());
      }
      if (state === 'complete') discovery.tick(snapshot.servers());
    },
  });
  snapshot.onApplied((topic, docKey, body, before) => {
    pipeline.stopper.observe(topic, docKey, body, before);
    if (topic === 'tool' && body !== null) pipeline.schemas.warm(body as ToolDoc);
  });
  const stopFile = new StopFile({
    dir,
    nowMs: () => clock.nowMs(),
    agentIdOf: (name) => snapshot.agentIdOf(name),
    onStops: (stops) => {
      snapshot.setStopFile(stops);
      for (const stop of stops) pipeline.stopper.contain(stop);
      log.warn({ scopes: stops.length }, 'the stop file changed');
      recordStops(spool, tenant, stops);
    },
  });
  const ticker = setInterval(() => {
    void payloadKey.tick(clock.monotonicMs());
    void pipeline.refusals.flush();
    upstreams.sweep((name) => snapshot.server(name));
    if (snapshot.fresh()) discovery.tick(snapshot.servers());
  }, tickEveryMs);
  stopFile.start();
  feed.start();
  shipper.start();

  const close = async (): Promise<void> => {
    await server.drain(drainMs);
    pipeline.stopper.shutDown();
    await pipeline.refusals.flush(true);
    clearInterval(ticker);
    await shipper.close(shipOnCloseMs);
    stopFile.close();
    feed.close();
    server.close();
    await upstreams.close();
    await spool.close();
    await control.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url: publicUrl,
    gatewayId,
    ready: async (boundMs) => {
      const deadline = clock.monotonicMs() + boundMs;
      while (why() !== undefined && clock.monotonicMs() < deadline) await pauseFor(20);
      return why() === undefined;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
