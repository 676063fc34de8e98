/**
 * A control plane on a random port with the rooms of the platform only (people, keys, feed, gateways), for their tests through the front door; the
 * domain's operations answer that they are not there. Test code; the product does not import it.
 */
import { refusal, RefusalError } from '@atf/core/errors';
import {
  type BodyIn,
  csrfHeader,
  type Me,
  type Person,
  type PresenceSubject,
  routes,
} from '@atf/core/wire/api';
import type { CarriedServers } from '@atf/core/wire/gateway-routes';
import type { Role } from '@atf/core/wire/words';
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeControl, type RunningControl, type StartedRooms } from './compose.ts';
import type { ControlOptionsInput } from './config.ts';
import type { Clock, Control } from './context.ts';
import { type Database, openDb } from './db/open.ts';
import { migratedSnapshot } from './db/test-db.ts';
import { gatewayRoutes } from './gateways/routes.ts';
import type { PublicKey } from './identity-proof.ts';
import { makeSignInLink, registerPerson } from './people/registry.ts';
import { peopleRoutes } from './people/routes.ts';
import type { AllHandlers, RoomPlugin } from './server.ts';

/** Handlers for a part of the operations; the others refuse. */
export function partialHandlers(given: Partial<AllHandlers>): AllHandlers {
  const absent = Object.fromEntries(
    Object.keys(routes).map((key) => [
      key,
      () => Promise.reject(new RefusalError(refusal('request.not_found', 'not in this test'))),
    ]),
  );
  return { ...(absent as unknown as AllHandlers), ...given };
}

export interface MovedClock extends Clock {
  later(ms: number): void;
}

export function movedClock(): MovedClock {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    later(ms) {
      aheadMs += ms;
    },
  };
}

export interface PlatformOptions {
  readonly options?: Partial<ControlOptionsInput>;
  readonly handlers?: Partial<AllHandlers>;
  readonly plugins?: readonly RoomPlugin[];
  readonly environment?: NodeJS.ProcessEnv;
  /** The database lives in the data directory. */
  readonly onDisk?: boolean;
}

export interface Platform extends RunningControl {
  readonly clock: MovedClock;
  readonly dataDir: string;
  readonly operatorToken: string;
}

/** In memory, unless a test is about the directory. */
async function openFor(dataDir: string, onDisk: boolean): Promise<Database> {
  const snapshot = await migratedSnapshot();
  return openDb(onDisk ? { dataDir, snapshot } : { snapshot });
}

export async function startPlatform(base: string, given: PlatformOptions = {}): Promise<Platform> {
  const clock = movedClock();
  const rooms: StartedRooms = {
    handlers: partialHandlers({ ...peopleRoutes, ...gatewayRoutes, ...given.handlers }),
    plugins: given.plugins ?? [],
    committed: () => undefined,
    close: async () => undefined,
  };
  const dataDir = join(base, 'data');
  const running = await composeControl(
    {
      dataDir,
      port: 0,
      keyFile: join(base, 'protect.key'),
      logLevel: 'silent',
      consoleDir: join(base, 'console'),
      ...given.options,
    },
    async () => rooms,
    {
      clock,
      environment: given.environment ?? {},
      open: (directory) => openFor(directory, given.onDisk === true),
    },
  );
  return {
    ...running,
    clock,
    dataDir,
    operatorToken: readFileSync(join(dataDir, 'operator.token'), 'utf8').trim(),
  };
}

/** A folder for one test file; `remove` it in `afterAll`. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'atf-platform-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; `code` of a problem document is what tests look at most. */
  readonly json: Record<string, unknown>;
}

export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    json = { text };
  }
  return { status: response.status, headers: response.headers, json };
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  return request(url, { method: 'POST', headers: { ...type, ...headers }, ...content });
}

/** A signed-in person's browser, as far as HTTP goes. */
export class Browser {
  readonly url: string;
  cookie: string;
  me: Me;

  constructor(url: string, cookie: string, me: Me) {
    this.url = url;
    this.cookie = cookie;
    this.me = me;
  }

  headers(): Record<string, string> {
    return { cookie: this.cookie, [csrfHeader]: this.me.csrf, origin: this.url };
  }

  get(path: string): Promise<Answer> {
    return request(`${this.url}${path}`, { headers: { cookie: this.cookie } });
  }

  post(path: string, body?: unknown): Promise<Answer> {
    return post(`${this.url}${path}`, body, this.headers());
  }

  /** Confirms presence and gives the token. */
  async present(subject: PresenceSubject, how: BodyIn<'people.finishPresence'>): Promise<string> {
    const begun = await this.post('/v1/presence', { subject });
    const finished = await this.post(`/v1/presence/${String(begun.json.presenceId)}`, how);
    if (finished.status !== 200) throw new Error(`presence was refused: ${String(finished.json.code)}`);
    return String(finished.json.presence);
  }
}

export function tokenOf(link: string): string {
  return new URL(link).hash.slice(1);
}

export async function signIn(platform: Platform, personId: string): Promise<Browser> {
  const { url: link } = await makeSignInLink(platform.control, personId, {
    cleared: async () => true,
  });
  const answer = await post(`${platform.url}/v1/sign-in`, { token: tokenOf(link) });
  if (answer.status !== 200) throw new Error(`sign-in was refused: ${String(answer.json.code)}`);
  const cookie = (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
  return new Browser(platform.url, cookie, answer.json as unknown as Me);
}

export function person(
  control: Control,
  name: string,
  roles: readonly Role[],
  bootstrap = false,
): Promise<Person> {
  const email = `${name.toLowerCase().replaceAll(' ', '.')}@example.com`;
  return control.change((tx) => registerPerson(control, tx, { name, email, roles, bootstrap }, 'test'));
}

export interface TestKey {
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

export function testKey(): TestKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' });
  return { publicKey: { kty: 'EC', crv: 'P-256', x, y }, privateKey: pair.privateKey };
}

/** A compact ES256 JWS. */
export function jws(key: TestKey, header: Record<string, unknown>, claims: Record<string, unknown>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', ...header })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

export function gatewayProof(
  key: TestKey,
  method: string,
  url: string,
  more: Record<string, unknown> = {},
): string {
  const claims = {
    aud: 'atf:control',
    htm: method,
    htu: url,
    iat: Math.floor(Date.now() / 1_000),
    jti: randomUUID(),
    ...more,
  };
  return jws(key, { typ: 'atf-gateway+jwt' }, claims);
}

export function dpopProof(
  key: TestKey,
  method: string,
  url: string,
  more: Record<string, unknown> = {},
): string {
  const claims = { htm: method, htu: url, iat: Math.floor(Date.now() / 1_000), jti: randomUUID(), ...more };
  return jws(key, { typ: 'dpop+jwt', jwk: key.publicKey }, claims);
}

export interface TestGateway {
  readonly id: string;
  readonly key: TestKey;
  authorization(method: string, path: string, more?: Record<string, unknown>): Record<string, string>;
}

export async function enrolGateway(
  platform: Platform,
  name: string,
  servers: CarriedServers = '*',
): Promise<TestGateway> {
  const bearer = { authorization: `Bearer ${platform.operatorToken}` };
  const issued = await post(`${platform.url}/v1/gateways/join-tokens`, { name, servers }, bearer);
  const key = testKey();
  const url = `${platform.url}/v1/gateways/enrol`;
  const proof = gatewayProof(key, 'POST', url);
  const enrolled = await post(url, { joinToken: issued.json.joinToken, publicKey: key.publicKey, proof });
  if (enrolled.status !== 200) throw new Error(`enrolment was refused: ${JSON.stringify(enrolled.json)}`);
  const id = String(enrolled.json.gatewayId);
  return {
    id,
    key,
    authorization: (method, path, more) => ({
      authorization: `GatewayProof ${gatewayProof(key, method, `${platform.url}${path}`, { iss: id, ...more })}`,
    }),
  };
}
