/**
 * Puts a gateway together: key and enrolment, spool, snapshot and feed, tool servers, pipeline, front door. Every part is handed what it
 * needs; nothing here decides about actions.
 */
import { type AskedServices, askServicesBy, silentOf } from './asked-services.ts';
import { RecentTimes } from './decide-times.ts';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pauseFor } from 'node:timers/promises';
import { refusal, refuse, RefusalError } from '@atf/core/errors';
import { containmentKey } from '@atf/core/incident/scope-id';
import type { ServerTls } from '@atf/core/identity/server-tls';
import { policyFactsOf } from '@atf/core/policy/question';
import { type AnswerCounts, RememberedAnswers } from '@atf/core/policy/remembered-answers';
import { type ContainmentDoc, leaseMs, type ToolDoc } from '@atf/core/wire/feed';
import type { Logger } from 'pino';
import type { GatewayConfig } from './config.ts';
import { createConnect, createDial } from './connect-server.ts';
import { ControlClient } from './control-client.ts';
import { AuthzenFront } from './authzen-front.ts';
import { AuthzenSearch } from './authzen-search.ts';
import { Discovery } from './discovery.ts';
import { enrol, type Enrolled, type Enrolment, readEnrolment } from './enrol.ts';
import { EnforcementDoor } from './enforcement-door.ts';
import { EnforcementPoints } from './enforcement-points.ts';
import { ExtAuthzFront } from './ext-authz-front.ts';
import { Feed, type FeedInput } from './feed.ts';
import { ActionFront } from './action-front.ts';
import { HttpFront } from './http-front.ts';
import { type GatewayKey, openGatewayKey } from './gateway-key.ts';
import { Cooperative } from './protocols/cooperative.ts';
import { Elsewhere } from './protocols/elsewhere.ts';
import { HttpServices } from './protocols/http-service.ts';
import { routedUpstream } from './routed-upstream.ts';
import { hostPost } from './host-post.ts';
import { askJudgeBy } from './judge.ts';
import { InputCounter } from './input-counts.ts';
import { Lease } from './lease.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { PayloadKey } from './payload-key.ts';
import { findOrphans, type Orphan, recordOrphans, reportOrphans } from './orphans.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import { RandomPool } from './random-pool.ts';
import type { ClockPort, Ports } from './ports.ts';
import { GatewayServer, serverBoundsDefault } from './server.ts';
import { ServersFile } from './servers-file.ts';
import { Shadow } from './shadow.ts';
import { Shipper } from './ship.ts';
import { Snapshot } from './snapshot.ts';
import { lookAtStream } from './stream-look.ts';
import { OnnxModels } from './onnx-models.ts';
import { openSpool, type Spool } from './spool.ts';
import { epochUsedUp } from './spool-options.ts';
import { StopFile } from './stop-file.ts';
import { type ControlTls, controlTlsOf, type DoorTls, doorTlsOf } from './tls.ts';
import { Upstreams } from './upstreams.ts';

export const gatewayVersion = '0.1.0';
/** Time that calls under way get to finish when the gateway is told to end. */
export const drainMs = 4_000;
const shipOnCloseMs = 1_500;
const closeStepMs = 1_000;
const tickEveryMs = 1_000;
const finishRetryMs = 100;
const finishRetryMsMax = 5_000;
const standingRetryMs = 500;
const standingAttemptsMax = 20;
/** Stops of a stop file that one record names. */
const stopFileRecordedMax = 100;

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
const pool = new RandomPool();
const random = (bytes: number): Uint8Array => pool.take(bytes);
const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await pauseFor(ms, undefined, { signal }).catch(() => undefined);
};

async function within(boundMs: number, work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work(), pause(boundMs, over.signal)]);
  over.abort();
}

/** What was opened before anything else can be built. */
interface Opened {
  readonly key: GatewayKey;
  readonly options: GatewayOptions;
  /** Towards agents. */
  readonly doorTls: ServerTls | undefined;
  readonly controlTls: ControlTls | undefined;
  readonly control: ControlClient;
  readonly authorization: (method: string, url: string) => string;
  readonly enrolled: Enrolment;
  readonly spool: Spool;
  readonly orphans: readonly Orphan[];
}

/** The parts that decide and execute; they neither listen nor run on their own. */
interface Built {
  readonly snapshot: Snapshot;
  readonly lease: Lease;
  readonly payloadKey: PayloadKey;
  readonly upstreams: Upstreams;
  readonly services: HttpServices;
  readonly discovery: Discovery;
  readonly pipeline: Pipeline;
  readonly actions: ActionFront;
  readonly httpFront: HttpFront;
  readonly enforcement: EnforcementDoor;
  readonly shipper: Shipper;
  readonly metrics: Metrics;
  readonly decideTimes: RecentTimes;
  readonly shadow: Shadow;
  readonly inputs: InputCounter;
  readonly models: OnnxModels;
  readonly asked: AskedServices;
  /** Known once the port is. */
  publicUrl: string;
  /** A tool server says that a resource changed: to whoever listens, once the door is open. */
  onUpdated: (server: string, instanceId: string | undefined, uri: string) => void;
  /** Why it cannot serve now, if it cannot. */
  notReady(): string | undefined;
}

async function enrolment(
  options: GatewayOptions,
  key: GatewayKey,
  tls: ControlTls | undefined,
): Promise<Enrolment> {
  const known = readEnrolment(options.dir);
  if (known !== undefined) return known;
  const joinToken = options.joinToken ?? (await options.askJoinToken?.());
  if (joinToken === undefined)
    return refuse('identity.gateway_unknown', 'This gateway is not enrolled, and no join token was given.');
  const enrolled = await enrolAtOne(options, key, tls, joinToken);
  if (!enrolled.ok) throw new RefusalError(enrolled.refusal);
  options.log.info({ gateway: enrolled.enrolment.gatewayId }, 'enrolled');
  return enrolled.enrolment;
}

/** The proof of an enrolment is for one address: replicas are asked one by one, until one of them has been reached. */
async function enrolAtOne(
  { dir, controlUrls }: GatewayOptions,
  key: GatewayKey,
  tls: ControlTls | undefined,
  joinToken: string,
): Promise<Enrolled> {
  let last: Enrolled = { ok: false, reached: false, refusal: refusal('containment.feed_stale') };
  for (const controlUrl of controlUrls) {
    const control = new ControlClient({ urls: [controlUrl], authorization: () => undefined, tls });
    last = await enrol({ dir, controlUrl, control, key, joinToken, nowMs: clock.nowMs() });
    await control.close();
    if (last.ok || last.reached) return last;
  }
  return last;
}

/**
 * The epoch above every one that this gateway may have used. A spool that was lost, or put back from a copy, does not know, and would tell a second
 * history for the same places, which control refuses for good. While control is away a gateway with a spool starts all the same: it
 * refuses until control is heard. One without waits.
 */
async function epochAbove(control: ControlClient, directory: string): Promise<number> {
  const there = existsSync(directory) && readdirSync(directory).length > 0;
  for (let attempt = 1; ; attempt++) {
    const answer = await control.request('gateway.standing', {});
    if (answer.ok) return epochUsedUp(answer.value.epochMax, clock.nowMs());
    if (there) return epochUsedUp(0, clock.nowMs());
    if (attempt >= standingAttemptsMax) throw new RefusalError(answer.refusal);
    await pauseFor(standingRetryMs);
  }
}

/** @throws RefusalError when it cannot start: storage, key, enrolment, port. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { dir, controlUrls, log } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const key = openGatewayKey({ fromEnvironment: options.keyFromEnvironment, keyFile: options.keyFile, dir });
  let gatewayId: string | undefined;
  const authorization = (method: string, url: string): string =>
    `GatewayProof ${key.proof({ method, url, gatewayId, nowMs: clock.nowMs() })}`;
  const controlTls = controlUrls.some(isHttps) ? controlTlsOf(options, key) : undefined;
  const doorTls = doorTlsOf(options, () => clock.nowMs());
  const control = new ControlClient({ urls: controlUrls, authorization, tls: controlTls });
  let spool: Spool | undefined;
  try {
    const enrolled = await enrolment(options, key, controlTls);
    gatewayId = enrolled.gatewayId;
    const directory = join(dir, 'spool');
    const epochMin = await epochAbove(control, directory);
    spool = await openSpool({ directory, gateway: gatewayId, signer: key.seal, epochMin });
    // Before anything new is recorded: what was under way when an earlier process died.
    const orphans = await findOrphans(spool);
    await recordOrphans(spool, orphans, clock.nowMs());
    if (orphans.length > 0)
      log.warn({ calls: orphans.length }, 'calls of an earlier process have an unknown outcome');
    return await run({ key, options, doorTls, controlTls, control, authorization, enrolled, spool, orphans });
  } catch (error) {
    await spool?.close();
    await control.close();
    log.error(
      { code: error instanceof RefusalError ? error.refusal.code : 'internal.fault' },
      'the gateway could not start',
    );
    throw error;
  }
}

function snapshotOf(lease: Lease, log: Logger, { servers }: Enrolment, answers: AnswerCounts): Snapshot {
  return new Snapshot({
    clock,
    lease,
    carries: (server) => servers === '*' || servers.includes(server),
    compilePolicy: (doc) => {
      const compiled = policyFactsOf(doc, new RememberedAnswers(answers));
      if (compiled.ok) return compiled.facts;
      const problems = compiled.problems.slice(0, 10).map(({ policyId, code }) => ({ policyId, code }));
      log.error({ problems }, 'the policy set does not compile; everything is refused');
      return undefined;
    },
  });
}

function build({ key, options, control, spool, enrolled, orphans }: Opened): Built {
  const { dir, log } = options;
  const lease = new Lease(leaseMs);
  const answers: AnswerCounts = { remembered: 0, evaluated: 0 };
  const snapshot = snapshotOf(lease, log, enrolled, answers);
  const payloadKey = new PayloadKey(control);
  const discovery = new Discovery({ clock, control, upstreams: () => upstreams });
  const file = new ServersFile(dir);
  const services = new HttpServices({
    ...{ clock, control, snapshot },
    dial: createDial(file),
    look: lookAtStream,
  });
  const upstreams: Upstreams = new Upstreams({
    clock,
    connect: createConnect({
      file,
      environment: options.environment ?? process.env,
      onState: (server, state, detail) => log.info({ server, state, detail }, 'tool server'),
    }),
    onListed: (server, listed) => discovery.listed(server, listed),
    onChanged: (server) => {
      if (discovery.changed(server) && snapshot.fresh()) discovery.tick(snapshot.servers());
    },
    onUpdated: (server, instanceId, uri) => built.onUpdated(server, instanceId, uri),
  });
  const shipper = new Shipper({
    spool,
    pause,
    send: (path, frame, headers) => control.send('POST', path, frame, headers),
    onRefused: (code) => log.error({ code }, 'control does not take the records of this gateway'),
  });
  const cooperative = new Cooperative(() => clock.nowMs());
  const elsewhere = new Elsewhere(snapshot);
  const post = hostPost(file, options.environment ?? process.env);
  const models = new OnnxModels({
    ...{ file, monotonicMs: () => clock.monotonicMs() },
    onReady: (model, pid) => log.info({ model, pid }, 'a model of this host looks at data'),
    onProblem: (model, problem, againInMs) =>
      log.error({ model, problem, againInMs }, 'a model of this host cannot be asked'),
  });
  const asked = askServicesBy(
    (to, question) => (to.model === undefined ? post(to, question) : models.ask(to, question)),
    () => clock.monotonicMs(),
  );
  const ports: Ports = {
    clock,
    random,
    spool,
    snapshot,
    upstream: routedUpstream(upstreams, services, cooperative, snapshot, elsewhere),
    control,
    wrappingKey: () => payloadKey.current(),
    pause: (ms) => pauseFor(ms, undefined, { ref: false }),
    replicated: (boundMs) => shipper.replicated(boundMs),
    askService: asked.ask,
  };
  const metrics = createMetrics({
    fresh: () => snapshot.fresh(),
    underWay: () => pipeline.calls.size,
    behind: () => shipper.behind(),
    spoolFailed: () => spool.state().failed,
    notificationsDropped: () => pipeline.notifier.dropped,
    answers: () => answers,
  });
  const shadow = new Shadow({
    clock,
    control,
    compile: (doc) => {
      const compiled = policyFactsOf(doc);
      return compiled.ok ? compiled.facts : undefined;
    },
    later: (work, ms) => void (ms < 1 ? setImmediate(work) : setTimeout(work, ms).unref()),
  });
  const inputs = new InputCounter({ clock, control });
  const startedMs = clock.monotonicMs();
  const decideTimes = new RecentTimes();
  const pipeline: Pipeline = createPipeline(ports, {
    publicUrl: () => built.publicUrl,
    onObserved: (observed) => metrics.observed(observed),
    onDecision: (decided) => shadow.observe(decided),
    onRan: (decided, ran) => inputs.ran(decided, ran),
    onDecided: (ms) => {
      decideTimes.add(ms);
      metrics.decided(ms);
    },
    upMs: () => Math.round(clock.monotonicMs() - startedMs),
    askJudge: askJudgeBy(post),
    pause: async (attempt) =>
      await pauseFor(Math.min(finishRetryMs * 2 ** attempt, finishRetryMsMax), undefined, { ref: false }),
  });
  const actions = new ActionFront({
    ports,
    pipeline,
    cooperative,
    gatewayId: enrolled.gatewayId,
    signer: key.seal,
    verifyingKey: key.publicKey,
  });
  const httpFront = new HttpFront({ pipeline, services, snapshot });
  const points = new EnforcementPoints({ control, monotonicMs: () => clock.monotonicMs() });
  const enforcement = new EnforcementDoor({
    pipeline,
    points,
    authzen: new AuthzenFront({ ports, pipeline, elsewhere, points }),
    search: new AuthzenSearch({ ports, pipeline, elsewhere, points }),
    extAuthz: new ExtAuthzFront({ pipeline, elsewhere, services: httpFront, snapshot }),
    fresh: () => snapshot.fresh(),
    publicUrl: () => built.publicUrl,
    bodyBytesMax: serverBoundsDefault.bodyBytesMax,
  });
  const notReady = (): string | undefined => {
    if (!snapshot.fresh()) return 'control was not heard in time';
    if (payloadKey.current() === undefined) return 'no key for payloads yet';
    return spool.state().failed ? 'nothing can be recorded' : undefined;
  };
  reportOrphans(pipeline.reports, orphans);
  const publicUrl = options.publicUrl ?? '';
  const built: Built = {
    snapshot,
    lease,
    payloadKey,
    upstreams,
    services,
    discovery,
    pipeline,
    actions,
    httpFront,
    enforcement,
    shipper,
    metrics,
    decideTimes,
    shadow,
    inputs,
    models,
    asked,
    publicUrl,
    onUpdated: () => undefined,
    notReady,
  };
  return built;
}

const isHttps = (url: string): boolean => url.startsWith('https:');
const publicUrlOf = ({ publicUrl, tls }: GatewayOptions, port: number): string =>
  publicUrl ?? `${tls === undefined ? 'http' : 'https'}://localhost:${port}`;

function hostsOf(options: GatewayOptions, port: number): string[] {
  const known = new URL(publicUrlOf(options, port)).host;
  if (!['127.0.0.1', '::1', 'localhost'].includes(options.host)) return [known, `${options.host}:${port}`];
  return [known, ...['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`)];
}

const onCertificate =
  (log: Logger): DoorTls['onChange'] =>
  (refused) =>
    refused === undefined
      ? log.info('a new TLS certificate is in use')
      : log.error(refused, 'the new TLS certificate cannot be used; the former one is kept');

/** Opens the door. @throws RefusalError `storage.port_taken`. */
async function open({ options, doorTls }: Opened, built: Built): Promise<GatewayServer> {
  const { metrics, pipeline, actions, httpFront, enforcement, notReady } = built;
  const server = new GatewayServer({
    pipeline,
    actions,
    services: httpFront,
    enforcement,
    ...(doorTls === undefined ? {} : { tls: { tls: doorTls, onChange: onCertificate(options.log) } }),
    publicUrl: () => built.publicUrl,
    hosts: (port) => hostsOf(options, port),
    issuer: () => built.snapshot.settings()?.issuer,
    ready: () => ({ ok: notReady() === undefined, why: notReady() }),
    metrics: async () => ({ type: metrics.contentType, text: await metrics.text() }),
    onFault: (error) => {
      const id = randomUUID();
      options.log.error(
        { id, fault: error instanceof Error ? error.stack : typeof error },
        'unexpected fault; the request was refused',
      );
      return id;
    },
  });
  const port = await server
    .listen(options.port, options.host)
    .catch((error: NodeJS.ErrnoException) =>
      refuse('storage.port_taken', `Port ${options.port}: ${error.code ?? 'unknown'}`),
    );
  built.publicUrl = publicUrlOf(options, port);
  return server;
}

function feedOf({ options, authorization, controlTls, control, spool }: Opened, built: Built): Feed {
  const { snapshot, lease, pipeline, discovery, payloadKey, shipper } = built;
  const onState: FeedInput['onState'] = (state, detail) => {
    if (state === 'complete') return discovery.tick(snapshot.servers());
    options.log.info({ state, detail }, 'feed');
    if (state !== 'connected') return;
    if (detail !== undefined) control.prefer(detail);
    discovery.repeat();
    shipper.retry();
    void pipeline.reports.connected();
    void payloadKey.tick(clock.monotonicMs());
  };
  return new Feed({
    controlUrls: options.controlUrls,
    authorization,
    tls: controlTls,
    snapshot,
    lease,
    stopper: pipeline.stopper,
    clock,
    random,
    spoolHead: () => spool.head(),
    decideTimes: () => built.decideTimes.quantiles(),
    silent: () => silentOf(built.asked, snapshot.settings()?.detectors),
    version: gatewayVersion,
    mcpUrl: built.publicUrl,
    onState,
  });
}

/**
 * Records what a stop file stops since it changed, and what it stops no longer: stops are exempt from full queues, and logged when possible.
 */
function recordStops(
  spool: Spool,
  tenant: string,
  stops: readonly ContainmentDoc[],
  before: readonly ContainmentDoc[],
): void {
  const keys = (docs: readonly ContainmentDoc[]) => new Set(docs.map(({ scope }) => containmentKey(scope)));
  const [now, earlier] = [keys(stops), keys(before)];
  const scopesOf = (docs: readonly ContainmentDoc[]) =>
    docs.slice(0, stopFileRecordedMax).map(({ scope: { kind, id } }) => ({ kind, id }));
  const record = (
    type: 'incident.containment_set' | 'incident.containment_lifted',
    docs: readonly ContainmentDoc[],
  ): void => {
    const body = { by: 'stop file', scopes: scopesOf(docs), count: docs.length, stillStopped: stops.length };
    void spool.appendUrgent({ type, at: new Date(clock.nowMs()).toISOString(), tenant, body });
  };
  const lifted = before.filter(({ scope }) => !now.has(containmentKey(scope)));
  const set = stops.filter(({ scope }) => !earlier.has(containmentKey(scope)));
  if (set.length > 0) record('incident.containment_set', set);
  if (lifted.length > 0) record('incident.containment_lifted', lifted);
}

function stopFileOf({ options, spool, enrolled }: Opened, { snapshot, pipeline }: Built): StopFile {
  return new StopFile({
    dir: options.dir,
    nowMs: () => clock.nowMs(),
    agentIdOf: (name) => snapshot.agentIdOf(name),
    onStops: (stops, before) => {
      snapshot.setStopFile(stops);
      for (const stop of stops) pipeline.stopper.contain(stop);
      options.log.warn({ scopes: stops.length }, 'the stop file changed');
      recordStops(spool, enrolled.tenant, stops, before);
    },
  });
}

async function run(opened: Opened): Promise<RunningGateway> {
  const { control, spool, enrolled } = opened;
  const built = build(opened);
  const {
    snapshot,
    pipeline,
    actions,
    httpFront,
    payloadKey,
    upstreams,
    services,
    discovery,
    shipper,
    shadow,
    inputs,
    models,
    notReady,
  } = built;
  snapshot.onApplied((topic, key, body, before) => {
    pipeline.stopper.observe(topic, key, body, before);
    actions.observe(topic);
    httpFront.observe(topic, key);
    if (topic === 'tool' && body !== null) pipeline.schemas.warm(body as ToolDoc);
  });
  const stopFile = stopFileOf(opened, built);
  // Before the door opens: a stop that stands when the gateway starts is in force from its first request on.
  stopFile.start();
  const server = await open(opened, built).catch((error: unknown) => {
    stopFile.close();
    throw error;
  });
  snapshot.onApplied((topic, key) => server.observe(topic, key));
  built.onUpdated = (name, instanceId, uri) => server.listeners.updated(name, instanceId, uri);
  const feed = feedOf(opened, built);
  const ticker = setInterval(() => {
    void payloadKey.tick(clock.monotonicMs());
    void pipeline.refusals.flush();
    void shadow.tick();
    void inputs.tick();
    models.tick(snapshot.settings()?.detectors);
    pipeline.limiter.sweep();
    upstreams.sweep((name) => snapshot.server(name));
    services.sweep((name) => snapshot.server(name));
    server.listeners.tick();
    if (snapshot.fresh()) discovery.tick(snapshot.servers());
  }, tickEveryMs);
  feed.start();
  shipper.start();
  const close = async (): Promise<void> => {
    await server.drain(drainMs);
    pipeline.stopper.shutDown();
    clearInterval(ticker);
    // What was cut is still recorded; news to people may be lost, records may not.
    await within(closeStepMs, async () => {
      while (pipeline.calls.size > 0) await pauseFor(10);
      await pipeline.notifier.idle();
    });
    await pipeline.refusals.flush(true);
    await shipper.close(shipOnCloseMs);
    stopFile.close();
    feed.close();
    server.close();
    models.close();
    await upstreams.close();
    await services.close();
    await spool.close();
    await control.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url: built.publicUrl,
    gatewayId: enrolled.gatewayId,
    ready: async (boundMs) => {
      const deadline = clock.monotonicMs() + boundMs;
      while (notReady() !== undefined && clock.monotonicMs() < deadline) await pauseFor(20);
      return notReady() === undefined;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
