import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkpointSigner, formatVkey, signCheckpoint } from './checkpoint.ts';
import type { RestoredBody } from './continuation.ts';
import { encodeEntry } from './entry.ts';
import { emptyEdge, growTree } from './tree-edge.ts';
import { type LogReport, verifyTree } from './verify-log.ts';

const key = generateKeyPairSync('ed25519').privateKey;
const [first, second, third] = ['log/a', 'log/a/r-1', 'log/a/r-2'] as const;
const at = '2026-11-20T12:00:00.000Z';

const entry = (type: 'audit.log_opened' | 'audit.log_restored', id: string, body: object): Uint8Array =>
  encodeEntry({ type, at, tenant: 'main', body }, { control: id }) as Uint8Array;
const entries = (count: number, of: string): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entry('audit.log_opened', `${of}${i}`, { i }));

function signed(origin: string, leaves: readonly Uint8Array[], by = key) {
  const signer = checkpointSigner(origin, by);
  const { files, root } = growTree(emptyEdge, leaves);
  return {
    files: new Map(files.map(({ path, bytes }) => [path, bytes])),
    vkey: formatVkey(origin, signer.publicKey),
    checkpoint: signCheckpoint({ origin, size: leaves.length, root, extensions: [] }, signer),
  };
}

const verify = (origin: string, leaves: readonly Uint8Array[]): Promise<LogReport> => {
  const { files, vkey, checkpoint } = signed(origin, leaves);
  return verifyTree(async (path) => files.get(path), checkpoint, vkey, new Map());
};

function bodyOf(from: string, leaves: readonly Uint8Array[], to: string, by = key): RestoredBody {
  const { vkey, checkpoint } = signed(from, leaves, by);
  return { restoreId: 'r', backupAt: at, from: { origin: from, vkey, checkpoint }, to };
}
const restored = (body: object, id = 'restore'): Uint8Array => entry('audit.log_restored', id, body);

// Over the bounds of tiles, so that roots come out of several.
const old = entries(300, 'old');

describe('a log that continues another', () => {
  it('is verified with the one that it continues, over any number of restores', async () => {
    const once = [
      ...old,
      ...entries(3, 'late'),
      restored(bodyOf(first, old, second)),
      ...entries(400, 'new'),
    ];
    expect(await verify(second, once)).toMatchObject({
      ok: true,
      continues: [{ origin: first, size: 300, backupAt: at }],
    });
    const twice = [...once, restored(bodyOf(second, once, third), 'again')];
    expect((await verify(third, twice)).continues.map(({ origin, size }) => [origin, size])).toEqual([
      [first, 300],
      [second, once.length],
    ]);
    expect(await verify(first, old)).toMatchObject({ ok: true, continues: [] });
  });

  const other = generateKeyPairSync('ed25519').privateKey;
  const rewritten = [...old.slice(0, 299), entry('audit.log_opened', 'forged', {})];
  const body = bodyOf(first, old, second);
  it.each<[string, readonly Uint8Array[], object]>([
    ['entries that the old one did not sign', old, bodyOf(first, rewritten, second)],
    ['another key', old, bodyOf(first, old, second, other)],
    ['more entries than stood before it', old.slice(0, 200), body],
    ['another name than it has now', old, { ...body, to: third }],
    [
      'a checkpoint of another log',
      old,
      { ...body, from: { ...body.from, checkpoint: signed(third, old).checkpoint } },
    ],
    ['a key of another name', old, { ...body, from: { ...body.from, origin: third } }],
    ['no checkpoint', old, { ...body, from: { ...body.from, checkpoint: '' } }],
    ['nothing', old, {}],
  ])('is refused when it names %s', async (_name, before, claims) => {
    const report = await verify(second, [...before, restored(claims)]);
    expect(report.ok).toBe(false);
    expect(report.problems.map(({ kind }) => kind)).toContain('continuation_invalid');
  });

  it('is refused when a second restore continues another log than the first began', async () => {
    const once = [...old, restored(bodyOf(first, old, second))];
    const twice = [...once, restored(bodyOf(first, once, third), 'again')];
    expect((await verify(third, twice)).problems.map(({ kind }) => kind)).toEqual(['continuation_invalid']);
  });
});
