import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { RefusalError } from '@atf/core/errors';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lockDirectory, startIn } from './directory-lock.ts';
import { migrate } from './migrate.ts';
import { openDb } from './open.ts';
import { statementsMax } from './pglite-session.ts';
import { migratedSnapshot, type TestDb, testDb } from './test-db.ts';

const folders: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'atf-db-'));
  folders.push(path);
  return path;
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (fault) {
    if (fault instanceof RefusalError) return fault.refusal.code;
    throw fault;
  }
  return 'none';
}

describe('the embedded database in memory', () => {
  let test: TestDb;
  beforeAll(async () => {
    test = await testDb();
  });
  afterAll(() => test.close());

  it('gives int8 as numbers, jsonb parsed, bytes as bytes', async () => {
    const bytes = new Uint8Array([1, 2, 255]);
    const { rows } = await sql<Record<string, unknown>>`
      select ${9007199254740991}::int8 as big, ${JSON.stringify({ a: [1] })}::jsonb as doc, ${bytes}::bytea as bytes`.execute(
      test.db,
    );
    expect(rows).toEqual([{ big: 9007199254740991, doc: { a: [1] }, bytes }]);
  });

  it('refuses to round an int8 beyond 2^53', async () => {
    await expect(sql`select 9007199254740993::int8 as big`.execute(test.db)).rejects.toThrow(/2\^53/);
  });

  it('rolls a failed change back, and tells listeners only of committed ones', async () => {
    let told = 0;
    const listen = () => {
      told++;
    };
    test.onCommitted.add(listen);
    await expect(
      test.change(async (tx) => {
        await tx.insertInto('feed_head').values({ tenant: 'x', version: 1 }).execute();
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await test.db.selectFrom('feed_head').selectAll().where('tenant', '=', 'x').execute()).toEqual([]);
    expect(told).toBe(0);
    await test.change((tx) => tx.insertInto('feed_head').values({ tenant: 'x', version: 1 }).execute());
    expect(told).toBe(1);
    test.onCommitted.delete(listen);
  });

  it('runs concurrent changes one after the other', async () => {
    await test.change((tx) => tx.insertInto('feed_head').values({ tenant: 'count', version: 0 }).execute());
    await Promise.all(
      Array.from({ length: 20 }, () =>
        test.change(async (tx) => {
          const row = await tx
            .selectFrom('feed_head')
            .select('version')
            .where('tenant', '=', 'count')
            .executeTakeFirstOrThrow();
          await tx
            .updateTable('feed_head')
            .set({ version: row.version + 1 })
            .where('tenant', '=', 'count')
            .execute();
        }),
      ),
    );
    const row = await test.db
      .selectFrom('feed_head')
      .select('version')
      .where('tenant', '=', 'count')
      .executeTakeFirstOrThrow();
    expect(row.version).toBe(20);
  });

  it('lets the urgent go before all who wait', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const order: string[] = [];
    const blocking = test.change(() => held);
    const read = (db: typeof test.db, name: string) => sql`select 1`.execute(db).then(() => order.push(name));
    const waiting = Array.from({ length: 20 }, () => read(test.db, 'patient'));
    const urgent = read(test.urgent, 'urgent');
    release();
    await Promise.all([blocking, urgent, ...waiting]);
    expect(order[0]).toBe('urgent');
  });

  it('fails at once where a query beside its own transaction would wait for itself', async () => {
    await expect(test.change(() => test.db.selectFrom('feed_head').selectAll().execute())).rejects.toThrow(
      /use its `tx`/,
    );
  });

  it('does not take a rolled-back transaction for a committed one', async () => {
    const swallowed = test.change(async (tx) => {
      await tx.insertInto('feed_head').values({ tenant: 'swallowed', version: 0 }).execute();
      await sql`select 1 / 0`.execute(tx).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow(/rolled back/);
    expect(
      await test.db.selectFrom('feed_head').selectAll().where('tenant', '=', 'swallowed').execute(),
    ).toEqual([]);
  });

  it('answers right after errors of every step, and with more statements than it keeps', async () => {
    await expect(sql`select nonsense`.execute(test.db)).rejects.toMatchObject({ code: '42703' });
    const divide = (by: number) => sql<{ x: number }>`select 10 / ${by}::int as x`.execute(test.db);
    await expect(divide(0)).rejects.toMatchObject({ code: '22012' });
    expect((await divide(5)).rows).toEqual([{ x: 2 }]);
    await expect(sql`select ${'no number'}::int`.execute(test.db)).rejects.toMatchObject({ code: '22P02' });
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < statementsMax + 20; at++) {
        const { rows } = await sql<{ x: number }>`select ${sql.lit(at)} + ${round}::int as x`.execute(
          test.db,
        );
        expect(rows).toEqual([{ x: at + round }]);
      }
    }
  });

  it('sees a new shape of a table through a statement that was prepared before', async () => {
    const read = () => sql`select * from shape`.execute(test.db).then(({ rows }) => rows);
    await sql`create table shape (a int)`.execute(test.db);
    await sql`insert into shape values (1)`.execute(test.db);
    expect(await read()).toEqual([{ a: 1 }]);
    await sql`alter table shape add column b text default 'x'`.execute(test.db);
    expect(await read()).toEqual([{ a: 1, b: 'x' }]);
    await sql`drop table shape`.execute(test.db);
    await expect(read()).rejects.toMatchObject({ code: '42P01' });
  });

  it('takes and gives the types that rooms use', async () => {
    const { rows } = await sql<Record<string, unknown>>`
      select ${['a', 'b"c', '{d}']}::text[] as list, ${null}::text as nothing, ${true}::boolean as yes, ${1.5}::float8 as real,
        ${'ü\u{1F600}'}::text as words, ${new Date(0)}::timestamptz as moment, ''::text as empty`.execute(
      test.db,
    );
    expect(rows).toEqual([
      {
        list: ['a', 'b"c', '{d}'],
        nothing: null,
        yes: true,
        real: 1.5,
        words: 'ü\u{1F600}',
        moment: new Date(0),
        empty: '',
      },
    ]);
    const large = 'x'.repeat(3_000_000);
    const answer = await sql<{ text: string }>`select ${large}::text as text`.execute(test.db);
    expect(answer.rows[0]?.text).toBe(large);
  });

  it('carries the SQLSTATE and the constraint of a fault', async () => {
    const twice = test.change(async (tx) => {
      await tx.insertInto('feed_head').values({ tenant: 'dup', version: 0 }).execute();
      await tx.insertInto('feed_head').values({ tenant: 'dup', version: 0 }).execute();
    });
    await expect(twice).rejects.toMatchObject({ code: '23505', constraint: 'feed_head_pkey' });
  });

  it('refuses a schema that a newer version has written, and runs a migration once', async () => {
    let ran = 0;
    const extra = { name: '9999_later', up: async () => void ran++ };
    const { migrations } = await import('./migrations.ts');
    expect(await migrate(test.db, [...migrations, extra], 1)).toEqual(['9999_later']);
    expect(await migrate(test.db, [...migrations, extra], 1)).toEqual([]);
    expect(ran).toBe(1);
    expect(await refusalOf(migrate(test.db, migrations, 1))).toBe('storage.newer');
  });
});

describe('the embedded database in a directory', { timeout: 120_000 }, () => {
  it('keeps rows, refuses a second owner, and lets go when closed', async () => {
    const dataDir = join(folder(), 'deep', 'data');
    const first = await openDb({ dataDir, snapshot: await migratedSnapshot() });
    await first.db.insertInto('feed_head').values({ tenant: 'kept', version: 7 }).execute();
    await first.sync();
    expect(await refusalOf(openDb({ dataDir }))).toBe('storage.locked');
    await first.close();
    expect(existsSync(join(dataDir, 'lock'))).toBe(false);
    const again = await openDb({ dataDir });
    const rows = await again.db.selectFrom('feed_head').selectAll().execute();
    await again.close();
    expect(rows).toEqual([{ tenant: 'kept', version: 7 }]);
  });

  it('refuses a directory that cannot be made', async () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    expect(await refusalOf(openDb({ dataDir: join(path, 'data') }))).toBe('storage.unwritable');
  });
});

it.runIf(process.platform === 'linux')(
  'a process that has ended holds nothing, also while its parent has not looked',
  async () => {
    // The child lives until its input ends, which is when the parent has become somebody who looks after no child.
    const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 30 3<&-'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    try {
      const pid = await new Promise<string>((resolve) =>
        parent.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim())),
      );
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8');
      await vi.waitFor(
        () => expect(readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n'),
        10_000,
      );
      (parent.stdio[3] as Writable).end();
      await vi.waitFor(() => expect(stat()).toMatch(/\) Z /), 10_000);
      expect(startIn(stat())).toBeUndefined();
      expect(startIn(readFileSync('/proc/self/stat', 'utf8'))).toMatch(/^\d+$/);
    } finally {
      parent.kill('SIGKILL');
    }
  },
);

/** Source of a process that locks `argv[1]`, says so, and waits to be killed. */
const holder = `
  const { lockDirectory } = await import(process.argv[1]);
  try { await lockDirectory(process.argv[2]); process.stdout.write('held'); setInterval(() => {}, 1000); }
  catch (fault) { process.stdout.write(fault.refusal?.code ?? String(fault)); }`;

function lockElsewhere(directory: string): Promise<{ said: string; kill(): Promise<void> }> {
  const module = new URL('./directory-lock.ts', import.meta.url).href;
  const child = spawn(
    process.execPath,
    ['--conditions=atf-src', '--input-type=module', '-e', holder, module, directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return new Promise((resolve) => {
    child.stdout.once('data', (data: Buffer) =>
      resolve({
        said: data.toString(),
        kill: () => {
          child.kill('SIGKILL');
          return ended;
        },
      }),
    );
  });
}

describe('the lock of a directory', () => {
  it('refuses while another process lives, and inherits from one that was killed', async () => {
    const directory = folder();
    const other = await lockElsewhere(directory);
    expect(other.said).toBe('held');
    expect(await refusalOf(lockDirectory(directory))).toBe('storage.locked');
    await other.kill();
    const mine = await lockDirectory(directory);
    expect(JSON.parse(readFileSync(join(directory, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    mine.release();
  });

  it('lets exactly one of many inherit from a dead process', async () => {
    const directory = folder();
    const other = await lockElsewhere(directory);
    await other.kill();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => refusalOf(lockDirectory(directory))));
    expect(outcomes.filter((outcome) => outcome === 'none')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'storage.locked')).toHaveLength(5);
  });

  it('inherits from a dead process whose number another one has now', async () => {
    const directory = folder();
    const mine = await lockDirectory(directory);
    const lock = JSON.parse(readFileSync(join(directory, 'lock'), 'utf8')) as Record<string, unknown>;
    mine.release();
    // This very process has the number, but it started at another time.
    writeFileSync(join(directory, 'lock'), JSON.stringify({ ...lock, start: '1', nonce: 'dead' }));
    (await lockDirectory(directory)).release();
  });

  it('watches an owner of another boot, and inherits when it is not touched', async () => {
    const directory = folder();
    writeFileSync(
      join(directory, 'lock'),
      JSON.stringify({ pid: 1, start: '1', boot: 'elsewhere', nonce: 'foreign' }),
    );
    (await lockDirectory(directory)).release();
  });

  it('refuses a directory that is not there', async () => {
    const directory = join(folder(), 'absent');
    expect(await refusalOf(lockDirectory(directory))).toBe('storage.unwritable');
    mkdirSync(directory);
    (await lockDirectory(directory)).release();
  });
});
