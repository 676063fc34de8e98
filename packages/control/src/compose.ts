/**
 * Builds the running control plane from its parts, in the order in which they need each other, and takes it down in the opposite order. What the
 * domain rooms bring (handlers, streams, things that run) comes as one {@link StartRooms}, so that parts can be tried alone.
 */
import { refuse } from '@atf/core/errors';
import type { ServerTls } from '@atf/core/identity/server-tls';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import pino, { type Logger } from 'pino';
import { auditOf } from './audit/outbox.ts';
import type { Gatekeeper } from './authenticate.ts';
import {
  type ControlOptions,
  type ControlOptionsInput,
  consoleDirOf,
  controlOptionsSchema,
  policyDirOf,
} from './config.ts';
import type { Clock, Config, Control } from './context.ts';
import { changeOf } from './db/change.ts';
import { type Database, openDb } from './db/open.ts';
import { builtSnapshot } from './db/snapshot-file.ts';
import { KnownKeys } from './known-keys.ts';
import { FailedAuthentications } from './failed-authentications.ts';
import { Feed } from './feed/hub.ts';
import { setGatewayUrl } from './gateways/store.ts';
import { docText } from './feed/store.ts';
import { serveFeed } from './feed/upgrade.ts';
import { keyEncryptionKey } from './keys/key-file.ts';
import { openKeyring } from './keys/keyring.ts';
import { operatorToken } from './people/operator-token.ts';
import { presenceOf } from './people/presence.ts';
import { hostOperator } from './people/registry.ts';
import { Replicas } from './replicas/replicas.ts';
import { type AllHandlers, buildServer, type RoomPlugin } from './server.ts';
import { createTlsServer, tlsOf } from './tls.ts';

export const productVersion = '0.1.0';

export interface StartedRooms {
  readonly handlers: AllHandlers;
  readonly plugins: readonly RoomPlugin[];
  /** Called after every durable change; must not throw. */
  committed(): void;
  close(): Promise<void>;
}
export type StartRooms = (control: Control, options: ControlOptions) => Promise<StartedRooms>;

export interface RunningControl {
  readonly url: string;
  readonly control: Control;
  /** Drains requests, tells gateways to go, closes the database and lets go of the directory. Safe to call twice. */
  close(): Promise<void>;
}

export interface Surroundings {
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  /** Opens the database; absent: as the options say. */
  readonly open?: (dataDir: string) => Promise<Database>;
}

const surroundingsDefault: Surroundings = { clock: { nowMs: () => Date.now() }, environment: process.env };
/** Requests under way get this long to end when the process is told to stop. */
const drainMs = 2_000;
const idPattern = /^[0-9a-f-]{36}$/;

function loggerOf(options: ControlOptions): Logger {
  if (options.logLevel === 'silent') return pino({ level: 'silent' });
  const destination = pino.destination({ dest: options.logFile ?? 2, sync: true, mkdir: true, mode: 0o600 });
  return pino(
    { level: options.logLevel, base: { part: 'control' }, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
}

/** Answers while the control plane is still being built. */
function notYet(_request: unknown, response: ServerResponse): void {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' }).end('{"ready":false}');
}

async function listen(
  options: ControlOptions,
  tls: ServerTls | undefined,
  log: Logger,
): Promise<{ server: Server; port: number }> {
  const bounds = { keepAliveTimeout: 15_000, headersTimeout: 10_000, requestTimeout: 30_000 };
  const server = tls === undefined ? createServer(bounds) : createTlsServer(tls, bounds, log);
  server.on('request', notYet);
  // One address for the name: two would be two servers, and a foreign one on the other could answer in our place.
  const host = options.host === 'localhost' ? '127.0.0.1' : options.host;
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(options.port, host, done);
  }).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'EADDRINUSE' || fault.code === 'EACCES')
      refuse('storage.port_taken', `port ${options.port}: ${fault.code}`);
    throw fault;
  });
  return { server, port: (server.address() as AddressInfo).port };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(timer);
      done();
    });
    server.closeIdleConnections();
  });
}

function configOf(options: ControlOptions, port: number): Config {
  const host = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host;
  const mutualTls = options.tlsCert !== undefined;
  return {
    tenant: options.tenant,
    dataDir: resolve(options.dataDir),
    controlUrl: new URL(options.controlUrl ?? `${mutualTls ? 'https' : 'http'}://${host}:${port}`).origin,
    ...(options.replicaUrl === undefined ? {} : { replicaUrl: new URL(options.replicaUrl).origin }),
    gatewayUrl: options.gatewayUrl.replace(/\/+$/, ''),
    mutualTls,
    trustDomain: options.trustDomain,
    policyDir: policyDirOf(options),
    example: options.example,
  };
}

/** Names the data directory, so that its key file can be told from those of others. */
function workspaceId(dataDir: string): string {
  const path = join(dataDir, 'workspace.id');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if (existsSync(path)) {
      const id = readFileSync(path, 'utf8').trim();
      return idPattern.test(id) ? id : refuse('storage.key_missing', `${path} is damaged`);
    }
    const id = randomUUID();
    const fresh = `${path}.${id}`;
    writeFileSync(fresh, `${id}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(fresh, path);
    return id;
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code !== undefined) refuse('storage.unwritable', `${dataDir}: ${code}`);
    throw fault;
  }
}

interface Parts {
  readonly replicas: Replicas | undefined;
  readonly control: Control;
  readonly feed: Feed;
  readonly listeners: Set<() => void>;
}

async function partsOf(
  database: Database,
  config: Config,
  options: ControlOptions,
  around: Surroundings,
  log: Logger,
): Promise<Parts> {
  const { tenant, dataDir } = config;
  const { clock, environment } = around;
  const { db, urgent } = database;
  const listeners = new Set<() => void>();
  const change = changeOf(database, () => {
    for (const listener of listeners) listener();
  });
  const audit = auditOf(tenant, clock);
  const id = workspaceId(dataDir);
  const keys = await openKeyring({
    db,
    change,
    clock,
    tenant,
    enqueue: audit.enqueue,
    keyEncryptionKey: (first) =>
      keyEncryptionKey({
        fromEnvironment: environment.ATF_KEY,
        keyFile: options.keyFile,
        dataDir,
        workspaceId: id,
        first,
      }),
  });
  const feed = new Feed({
    db,
    urgent,
    tenant,
    log,
    onAddress: (gatewayId, url) => void noteAddress({ change, audit, tenant, log }, gatewayId, url),
  });
  listeners.add(() => feed.wake());
  const presence = presenceOf(tenant, () => clock.nowMs());
  const control: Control = { db, change, clock, config, keys, feed, audit, presence, log };
  if (database.signals === undefined) return { control, feed, listeners, replicas: undefined };
  const replicas = new Replicas({
    id: randomUUID(),
    db: urgent,
    signals: database.signals,
    tenant,
    feed,
    log,
  });
  feed.join(replicas);
  listeners.add(() => replicas.changed());
  return { control: { ...control, shared: replicas }, feed, listeners, replicas };
}

/** Where agents find a gateway is what tokens for it are bound to, so a change is on record. */
async function noteAddress(
  { change, audit, tenant, log }: Pick<Control, 'change' | 'audit' | 'log'> & { readonly tenant: string },
  gatewayId: string,
  url: string,
): Promise<void> {
  try {
    await change(async (tx) => {
      if (await setGatewayUrl(tx, tenant, gatewayId, url))
        await audit.enqueue(tx, 'identity.gateway_address_set', { gatewayId, url });
    });
  } catch (fault) {
    log.error({ err: fault, gateway: gatewayId }, 'the address of a gateway could not be noted');
  }
}

/** Gateways verify tokens with what the feed says; it says the keys in use. */
async function publishKeys(control: Control): Promise<void> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const jwks = control.keys.publicJwks();
    const known = await docText(tx, tenant, 'jwks', '*');
    if (known !== JSON.stringify(jwks)) await control.feed.put(tx, 'jwks', '*', jwks);
  });
}

async function gatekeeperOf(control: Control): Promise<Gatekeeper> {
  const person = await hostOperator(control);
  return {
    control,
    failures: new FailedAuthentications(),
    known: new KnownKeys(),
    operatorToken: operatorToken(control.config.dataDir),
    hostOperator: async () => person,
  };
}

/** Undoes what was built so far, last first; the first fault is thrown after all was tried. */
class Undo {
  private readonly steps: (() => Promise<void> | void)[] = [];
  private running: Promise<void> | undefined;

  add(step: () => Promise<void> | void): void {
    this.steps.push(step);
  }

  run(): Promise<void> {
    this.running ??= this.all();
    return this.running;
  }

  private async all(): Promise<void> {
    const faults: unknown[] = [];
    for (const step of this.steps.reverse()) {
      try {
        await step();
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (faults.length > 0) throw faults[0];
  }
}

async function build(
  options: ControlOptions,
  startRooms: StartRooms,
  around: Surroundings,
  undo: Undo,
): Promise<{ url: string; control: Control }> {
  const log = loggerOf(options);
  const { server, port } = await listen(
    options,
    tlsOf(options, () => around.clock.nowMs()),
    log,
  );
  undo.add(() => closeServer(server));
  const config = configOf(options, port);
  const { dataDir } = config;
  const opened =
    around.open?.(dataDir) ??
    openDb(
      { dataDir, databaseUrl: options.databaseUrl, snapshot: builtSnapshot(dataDir) },
      around.clock.nowMs(),
    );
  const database = await opened;
  undo.add(() => database.close());
  const { control, feed, listeners, replicas } = await partsOf(database, config, options, around, log);
  undo.add(() => replicas?.close());
  undo.add(() => feed.close());
  const keeper = await gatekeeperOf(control);
  await publishKeys(control);
  const rooms = await startRooms(control, options);
  undo.add(() => rooms.close());
  listeners.add(() => rooms.committed());
  const app = await buildServer({
    keeper,
    handlers: rooms.handlers,
    plugins: rooms.plugins,
    server,
    consoleDir: consoleDirOf(options),
    version: productVersion,
  });
  undo.add(async () => {
    await Promise.all([app.close(), closeServer(server)]);
  });
  undo.add(() => feed.close());
  undo.add(serveFeed(server, control, feed, keeper.failures));
  server.off('request', notYet);
  log.info({ url: config.controlUrl }, 'the control plane is up');
  return { url: config.controlUrl, control };
}

/**
 * Starts the control plane. Refuses by throwing a `RefusalError`: what `tls.ts` refuses, `storage.port_taken`, `storage.locked`, `storage.unwritable`,
 * `storage.newer`, `storage.key_missing`, `storage.key_exposed`, and what the rooms refuse. Nothing is left behind then.
 */
export async function composeControl(
  input: ControlOptionsInput,
  startRooms: StartRooms,
  around: Surroundings = surroundingsDefault,
): Promise<RunningControl> {
  const options = controlOptionsSchema.parse(input);
  const undo = new Undo();
  try {
    const { url, control } = await build(options, startRooms, around, undo);
    return { url, control, close: () => undo.run() };
  } catch (fault) {
    await undo.run().catch(() => undefined);
    throw fault;
  }
}
