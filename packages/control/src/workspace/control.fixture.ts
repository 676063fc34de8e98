/**
 * A whole control plane for tests of the rooms: real embedded database, real keys, real feed and outbox, a clock that stands still until it
 * is moved, and a presence that takes one token per subject. Test code; the product does not import it.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuse, RefusalError } from '@atf/core/errors';
import type { Person, PresenceSubject } from '@atf/core/wire/api';
import { type FeedDoc, type FeedTopic, feedTopics } from '@atf/core/wire/feed';
import type { Role } from '@atf/core/wire/words';
import pino from 'pino';
import { auditOf } from '../audit/outbox.ts';
import { pendingRows } from '../audit/store.ts';
import type { Actor, Config, Control, FeedHub } from '../context.ts';
import { type TestDb, testDb } from '../db/test-db.ts';
import { Feed } from '../feed/hub.ts';
import { openKeyring } from '../keys/keyring.ts';
import { Cedar } from '../policy/cedar.ts';
import { loadPolicies } from '../policy/load.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');

export interface TestControl extends Control {
  /** Moves the clock. */
  later(ms: number): void;
  person(name: string, roles: readonly Role[]): Promise<Person>;
  as(person: Person, by?: 'session' | 'token'): Actor;
  /** A presence token for exactly this subject. */
  present(person: Person, subject: PresenceSubject): string;
  /** The newest document of the feed under a key, `null` when it is gone, undefined when it never was. */
  doc<T extends FeedTopic>(topic: T, key: string): Promise<FeedDoc<T> | null | undefined>;
  /** Events in the order in which they were put into the outbox. */
  events(type?: string): Promise<{ type: string; body: Record<string, unknown> }[]>;
  readonly test: TestDb;
  close(): Promise<void>;
}

export interface TestControlOptions {
  readonly config?: Partial<Config>;
  /** Stands in for single functions of the feed. */
  readonly feed?: Partial<FeedHub>;
  readonly policies?: boolean;
}

/** `close()` it in `afterAll`. */
export async function testControl({
  config,
  feed: bent,
  policies = true,
}: TestControlOptions = {}): Promise<TestControl> {
  const test = await testDb();
  const dataDir = mkdtempSync(join(tmpdir(), 'atf-control-'));
  let nowMs = Date.parse('2026-11-20T12:00:00.000Z');
  const clock = { nowMs: () => nowMs };
  const tenant = config?.tenant ?? 'default';
  const log = pino({ level: 'silent' });
  const audit = auditOf(tenant, clock);
  const kek = randomBytes(32);
  const { db, change } = test;
  const keys = await openKeyring({
    db,
    change,
    clock,
    tenant,
    enqueue: audit.enqueue,
    keyEncryptionKey: () => kek,
  });
  const feed = new Feed({ db, tenant, log });
  const hub: FeedHub = {
    put: (tx, topic, key, body) => feed.put(tx, topic, key, body),
    contain: (key, body, boundMs) => feed.contain(key, body, boundMs),
    gateways: () => feed.gateways(),
    own: () => feed.own(),
    disconnect: (id) => feed.disconnect(id),
    announce: (unrecorded) => feed.announce(unrecorded),
    ...bent,
  };
  const tokens = new Map<string, string>();
  const nameOf = (person: Person, { kind, id, digest }: PresenceSubject) =>
    `${person.id}|${kind}|${id}|${digest}`;
  const control: TestControl = {
    db,
    change,
    clock,
    keys,
    feed: hub,
    audit,
    log,
    test,
    config: {
      tenant,
      dataDir,
      controlUrl: 'http://localhost:7780',
      gatewayUrl: 'http://localhost:7781',
      trustDomain: 'example.org',
      policyDir: join(root, 'policies'),
      example: true,
      ...config,
    },
    presence: {
      async consume(_tx, person, token, subject) {
        if (tokens.get(token) !== nameOf(person, subject)) refuse('people.presence_invalid');
        tokens.delete(token);
        return { method: 'passkey' };
      },
    },
    later(ms) {
      nowMs += ms;
    },
    async person(name, roles) {
      const id = crypto.randomUUID();
      const email = `${name.toLowerCase().replaceAll(' ', '.')}@example.com`;
      const row = {
        tenant,
        id,
        name,
        email,
        email_key: email,
        roles: JSON.stringify(roles),
        bootstrap: false,
        passphrase: null,
        created_at: nowMs,
      };
      await change((tx) => tx.insertInto('person').values(row).execute());
      return { id, name, email, roles: [...roles], bootstrap: false };
    },
    as: (person, by = 'session') => ({
      kind: 'person',
      person,
      by,
      sessionId: by === 'session' ? 'session' : undefined,
    }),
    present(person, subject) {
      const token = randomBytes(24).toString('base64url');
      tokens.set(token, nameOf(person, subject));
      return token;
    },
    async doc(topic, key) {
      const row = await db
        .selectFrom('feed_doc')
        .select('body')
        .where('tenant', '=', tenant)
        .where('topic', '=', topic)
        .where('key', '=', key)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      if (row.body === null) return null;
      return feedTopics[topic].parse(JSON.parse(row.body)) as FeedDoc<typeof topic>;
    },
    async events(type) {
      const rows = await pendingRows(db, tenant, 10_000);
      const entries = rows.map(
        ({ entry }) =>
          JSON.parse(Buffer.from(entry).toString()) as { type: string; body: Record<string, unknown> },
      );
      return entries.filter((entry) => type === undefined || entry.type === type);
    },
    async close() {
      feed.close();
      await test.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  if (policies) {
    const cedar = new Cedar();
    await loadPolicies(control, cedar);
    await cedar.close();
  }
  return control;
}

/** The code with which `work` was refused, or `none`. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (fault) {
    if (fault instanceof RefusalError) return fault.refusal.code;
    throw fault;
  }
}
