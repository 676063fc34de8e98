import { checkpointSigner, formatVkey, signCheckpoint } from '@atf/core/audit/checkpoint';
import { encodeEntry } from '@atf/core/audit/entry';
import { exportGatewayKey, formatGatewayKeys, makeSeal, sealSigner } from '@atf/core/audit/gateway-key';
import { leafHash } from '@atf/core/audit/merkle';
import { genesisHash } from '@atf/core/audit/spool-frame';
import { emptyEdge, growTree } from '@atf/core/audit/tree-edge';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyLogDirectory } from './audit-dir.ts';

const origin = 'atf.example/log/main';
const signer = checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey);
const vkey = formatVkey(origin, signer.publicKey);
const gatewayKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
let directory = '';
let older = '';

function write(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), bytes);
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'atf-audit-'));
  const seals = sealSigner('k1', gatewayKey);
  let prev: Uint8Array = genesisHash;
  const entries = Array.from({ length: 300 }, (_, i) => {
    const seal = i === 0 ? {} : { seal: makeSeal({ gateway: 'g1', seq: i, hash: prev }, seals) };
    const source = {
      gateway: 'g1',
      epoch: 1,
      seq: i + 1,
      prev: Buffer.from(prev).toString('base64url'),
      ...seal,
    };
    const type = i % 2 === 0 ? 'action.intent' : 'action.outcome';
    const draft = {
      type,
      at: '2026-11-20T12:00:00.000Z',
      tenant: 'main',
      action: `a${i >> 1}`,
      body: { i },
    } as const;
    const entry = encodeEntry(draft, source) as Uint8Array;
    prev = leafHash(entry);
    return entry;
  });
  const { files, root } = growTree(emptyEdge, entries);
  for (const { path, bytes } of files) write(path, bytes);
  write('checkpoint', signCheckpoint({ origin, size: 300, root, extensions: [] }, signer));
  write('log.vkey', `${vkey}\n`);
  write('gateways.json', formatGatewayKeys(new Map([['g1', [exportGatewayKey('k1', gatewayKey)]]])));
  const start = growTree(emptyEdge, entries.slice(0, 100));
  older = signCheckpoint({ origin, size: 100, root: start.root, extensions: [] }, signer);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const kinds = async (options = {}): Promise<string[]> =>
  (await verifyLogDirectory(directory, options)).problems.map(({ kind }) => kind);

test('a copied directory verifies by itself, and against what is known from elsewhere', async () => {
  const report = await verifyLogDirectory(directory);
  expect(report).toMatchObject({
    ok: true,
    size: 300,
    intents: 150,
    outcomes: 150,
    unreported: 0,
    gaps: 0,
    refusals: 0,
    keyPinned: false,
  });
  expect(await verifyLogDirectory(directory, { vkey, remembered: older })).toMatchObject({
    ok: true,
    keyPinned: true,
  });
});

test('one changed byte names its entry', async () => {
  const path = join(directory, 'tile/entries/000');
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"i":123');
  bytes[at + 6] = (bytes[at + 6] as number) + 1;
  writeFileSync(path, bytes);
  const report = await verifyLogDirectory(directory);
  expect(report.ok).toBe(false);
  expect(report.problems[0]).toMatchObject({ kind: 'entry_changed', index: 123 });
  expect(report.problems[0]?.message).toContain('entry 123');
});

test('a missing or cut file, another key, a rewritten log', async () => {
  expect(
    await kinds({
      vkey: formatVkey(origin, checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey).publicKey),
    }),
  ).toEqual(['checkpoint_invalid']);
  const foreign = checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey);
  const body = { origin, size: 100, root: leafHash(Buffer.from('x')), extensions: [] };
  expect(await kinds({ remembered: signCheckpoint(body, foreign) })).toEqual(['checkpoint_invalid']);
  expect(await kinds({ remembered: signCheckpoint(body, signer) })).toEqual(['inconsistent']);
  rmSync(join(directory, 'gateways.json'));
  expect(await kinds()).toContain('gateway_unknown');
  truncateSync(join(directory, 'tile/0/000'), 100);
  expect(await kinds()).toContain('tile_missing');
  rmSync(join(directory, 'checkpoint'));
  expect(await kinds()).toContain('checkpoint_invalid');
  await expect(verifyLogDirectory(join(directory, 'nowhere'))).rejects.toThrow();
});
