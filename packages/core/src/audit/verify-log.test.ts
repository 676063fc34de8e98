import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Checkpoint, checkpointSigner, formatVkey, signCheckpoint } from './checkpoint.ts';
import { type EntryDraft, encodeEntry } from './entry.ts';
import {
  exportGatewayKey,
  type GatewayKeys,
  makeSeal,
  parseGatewayKeys,
  formatGatewayKeys,
  sealSigner,
} from './gateway-key.ts';
import { leafHash } from './merkle.ts';
import { genesisHash } from './spool-frame.ts';
import { emptyEdge, growTree } from './tree-edge.ts';
import { type LogReport, type VerifyOptions, verifyTree } from './verify-log.ts';

const log = generateKeyPairSync('ed25519').privateKey;
const origin = 'atf.example/log/main';
const logSigner = checkpointSigner(origin, log);
const vkey = formatVkey(origin, logSigner.publicKey);
const gatewayKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const signer = sealSigner('k1', gatewayKey);
const keys = parseGatewayKeys(
  formatGatewayKeys(new Map(['g1', 'g2'].map((id) => [id, [exportGatewayKey('k1', gatewayKey)]]))),
) as GatewayKeys;
const at = '2026-11-20T12:00:00.000Z';
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Records of one gateway, one batch each, so that every record carries the seal of the one before. */
class Gateway {
  epoch = 1;
  seq = 0;
  prev: Uint8Array = genesisHash;
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }
  record(draft: Partial<EntryDraft>, prev = this.prev): Uint8Array {
    const seal =
      this.seq === 0 ? {} : { seal: makeSeal({ gateway: this.id, seq: this.seq, hash: this.prev }, signer) };
    const source = { gateway: this.id, epoch: this.epoch, seq: this.seq + 1, prev: base64url(prev), ...seal };
    const entry = encodeEntry(
      { type: 'action.intent', at, tenant: 'main', body: {}, ...draft },
      source,
    ) as Uint8Array;
    this.seq += 1;
    this.prev = leafHash(entry);
    return entry;
  }
}

const control = (draft: Partial<EntryDraft>): Uint8Array =>
  encodeEntry(
    { type: 'identity.agent_registered', at, tenant: 'main', body: {}, ...draft },
    { control: 'o1' },
  ) as Uint8Array;

interface Log {
  files: Map<string, Uint8Array>;
  checkpoint: string;
  head: Checkpoint;
}

function logOf(entries: readonly Uint8Array[]): Log {
  const { files, root } = growTree(emptyEdge, entries);
  const head = { origin, size: entries.length, root, extensions: [] };
  return {
    files: new Map(files.map(({ path, bytes }) => [path, bytes])),
    checkpoint: signCheckpoint(head, logSigner),
    head,
  };
}

const verify = (from: Log, options: VerifyOptions = {}, trusted: GatewayKeys = keys): Promise<LogReport> =>
  verifyTree(async (path) => from.files.get(path), from.checkpoint, vkey, trusted, options);

function changed(from: Log, path: string, offset: number): Log {
  const bytes = Buffer.from(from.files.get(path) as Uint8Array);
  bytes[offset] = (bytes[offset] as number) ^ 1;
  return { ...from, files: new Map([...from.files, [path, bytes]]) };
}

/** 700 entries of two gateways and control: three bundles, the last one partial. */
function sample(): Uint8Array[] {
  const gateways = [new Gateway('g1'), new Gateway('g2')] as const;
  return Array.from({ length: 700 }, (_, i) => {
    const gateway = gateways[i % 2] as Gateway;
    if (i % 10 === 9) return control({ body: { i } });
    if (i % 10 === 0) return gateway.record({ type: 'action.refused', body: { i } });
    const action = `x${Math.floor((i % 10) / 4)}-${Math.floor(i / 10)}-${i % 2}`;
    return gateway.record(
      i % 4 < 2 ? { type: 'action.intent', action } : { type: 'action.outcome', action, outcome: 'done' },
    );
  });
}
const entries = sample();
const whole = logOf(entries);

test('a whole log verifies, with counts and progress', async () => {
  const seen: number[] = [];
  const report = await verify(whole, { onProgress: (done) => seen.push(done) });
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({
    ok: true,
    size: 700,
    control: 70,
    refusals: 70,
    gateways: 2,
    gaps: 0,
    unsealed: 2,
  });
  expect(report.intents + report.outcomes).toBe(560);
  expect(report.rootHash).toBe(Buffer.from(whole.head.root).toString('base64'));
  expect(seen).toEqual([256, 512, 700]);
});

test('an empty log verifies', async () => {
  expect(await verify(logOf([]))).toMatchObject({ ok: true, size: 0 });
});

const lengths = entries.map((entry) => entry.length + 2);
/** Index of the entry that byte `offset` of a bundle belongs to. */
function entryAt(bundle: number, offset: number): number {
  let index = bundle * 256;
  for (let rest = offset; rest >= (lengths[index] as number); index++) rest -= lengths[index] as number;
  return index;
}

test('any changed byte of any bundle names its entry', async () => {
  const bundles = ['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/188'];
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.nat(), async (n, seed) => {
      const path = bundles[n] as string;
      const offset = seed % (whole.files.get(path)?.length ?? 1);
      const report = await verify(changed(whole, path, offset));
      expect(report.ok).toBe(false);
      const named = report.problems.filter(({ kind }) => kind === 'entry_changed').map(({ index }) => index);
      expect(named).toEqual([entryAt(n, offset)]);
      expect(report.problems.map(({ kind }) => kind)).toEqual(['entry_changed', 'root_mismatch']);
    }),
    { seed: 2026, numRuns: 15 },
  );
});

test.each([
  ['tile/0/000', 33, 1],
  ['tile/0/001', 0, 256],
  ['tile/0/002.p/188', 187 * 32, 699],
])('a changed hash in %s is told from a changed entry', async (path, offset, index) => {
  const report = await verify(changed(whole, path, offset));
  expect(report.problems).toEqual([
    { kind: 'tile_changed', index, message: expect.stringContaining('intact') as string },
  ]);
});

test('a changed hash above names the entries below it', async () => {
  const report = await verify(changed(whole, 'tile/1/000.p/2', 40));
  expect(report.problems).toMatchObject([{ kind: 'tile_changed', index: 256 }]);
});

test.each([...whole.files.keys()])('without %s it does not verify', async (path) => {
  const files = new Map(whole.files);
  files.delete(path);
  const report = await verify({ ...whole, files });
  expect(report.ok).toBe(false);
  expect(report.problems[0]?.kind).toBe(path.includes('entries') ? 'bundle_missing' : 'tile_missing');
});

test('a full tile stands in for a partial one that was deleted', async () => {
  const older = logOf(entries.slice(0, 300));
  const files = new Map([...older.files, ...whole.files]);
  files.delete('tile/0/001.p/44');
  files.delete('tile/entries/001.p/44');
  expect(await verify({ ...older, files })).toMatchObject({ ok: true, size: 300 });
});

test('the checkpoint counts only with the key of the log', async () => {
  const other = formatVkey(
    origin,
    checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey).publicKey,
  );
  const read = async (path: string): Promise<Uint8Array | undefined> => whole.files.get(path);
  expect(await verifyTree(read, whole.checkpoint, other, keys)).toMatchObject({
    ok: false,
    problems: [{ kind: 'checkpoint_invalid' }],
  });
  expect(await verifyTree(read, whole.checkpoint, 'nonsense', keys)).toMatchObject({
    ok: false,
    problems: [{ kind: 'vkey_malformed' }],
  });
});

test('a rewritten or shortened log contradicts a remembered checkpoint', async () => {
  const rewritten = logOf([
    ...entries.slice(0, 10),
    control({ body: { forged: true } }),
    ...entries.slice(11),
  ]);
  expect(
    (await verify(rewritten, { remembered: [logOf(entries.slice(0, 20)).head] })).problems.map(
      ({ kind }) => kind,
    ),
  ).toContain('inconsistent');
  expect((await verify(logOf(entries.slice(0, 100)), { remembered: [whole.head] })).problems).toMatchObject([
    { kind: 'inconsistent' },
  ]);
  expect(await verify(whole, { remembered: [logOf(entries.slice(0, 20)).head, whole.head] })).toMatchObject({
    ok: true,
  });
});

describe('chains of gateways', () => {
  const kinds = async (list: readonly Uint8Array[], trusted = keys): Promise<string[]> =>
    (await verify(logOf(list), {}, trusted)).problems.map(({ kind, index }) => `${kind} ${index}`);

  test('a record that control dropped, repeated or reordered breaks the chain', async () => {
    const gateway = new Gateway('g1');
    const [a, b, c] = [gateway.record({}), gateway.record({}), gateway.record({})] as const;
    expect(await kinds([a, b, c])).toEqual([]);
    expect(await kinds([a, c])).toEqual(['chain_broken 1']);
    expect(await kinds([a, b, b, c])).toEqual(['chain_broken 2']);
    expect(await kinds([b, c])).toEqual(['chain_broken 0']);
    expect(await kinds([a, c, b])).toEqual(['chain_broken 1', 'chain_broken 2']);
  });

  test('a record that control forged in the name of a gateway contradicts its seals', async () => {
    const gateway = new Gateway('g1');
    const first = gateway.record({});
    const forged = encodeEntry(
      { type: 'action.intent', at, tenant: 'main', body: { forged: true } },
      {
        gateway: 'g1',
        epoch: 1,
        seq: 1,
        prev: base64url(genesisHash),
      },
    ) as Uint8Array;
    const second = gateway.record({});
    expect(await kinds([first, second])).toEqual([]);
    expect(await kinds([forged, second])).toEqual(['chain_broken 1']);
    const strange = parseGatewayKeys(
      formatGatewayKeys(
        new Map([
          ['g1', [exportGatewayKey('k1', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)]],
        ]),
      ),
    ) as GatewayKeys;
    expect(await kinds([first, second], strange)).toEqual(['seal_invalid 1']);
    expect(await kinds([first, second], new Map())).toEqual(['gateway_unknown 1']);
  });

  test('a jump is whole only where control recorded the gap', async () => {
    const gateway = new Gateway('g1');
    const first = gateway.record({});
    gateway.record({});
    gateway.epoch = 2;
    const third = gateway.record({});
    const resume = {
      epoch: 2,
      seq: 3,
      prev: (JSON.parse(Buffer.from(third).toString()) as { source: { prev: string } }).source.prev,
    };
    const gap = (body: object): Uint8Array =>
      control({
        type: 'audit.gap_recorded',
        body: { gateway: 'g1', reason: 'tail_lost', from: 2, to: 2, ...body },
      });
    expect(await kinds([first, third])).toEqual(['chain_broken 1']);
    expect(await kinds([first, gap({ resume }), third])).toEqual([]);
    expect(await kinds([first, gap({ resume: { ...resume, seq: 9 } }), third])).toEqual(['chain_broken 2']);
    expect(await verify(logOf([first, gap({ resume }), third]))).toMatchObject({ gaps: 1, ok: true });
  });

  test('a gateway cannot record its own gap, and its epoch never falls', async () => {
    const gateway = new Gateway('g1');
    const first = gateway.record({});
    gateway.record({});
    const resume = { epoch: 1, seq: 4, prev: base64url(gateway.prev) };
    const own = gateway.record({
      type: 'audit.gap_recorded',
      body: { gateway: 'g1', reason: 'tail_lost', from: 2, to: 2, resume },
    });
    expect(await kinds([first, own])).toEqual(['chain_broken 1']);
    const falling = new Gateway('g2');
    falling.epoch = 2;
    const older = falling.record({});
    falling.epoch = 1;
    expect(await kinds([older, falling.record({})])).toEqual(['chain_broken 1']);
  });

  test('intents without outcome are counted, not blamed', async () => {
    const gateway = new Gateway('g1');
    const list = [
      gateway.record({ action: 'a1' }),
      gateway.record({ action: 'a2' }),
      gateway.record({ action: 'a3', outcome: 'waiting' }),
      gateway.record({ type: 'action.outcome', action: 'a1' }),
      Buffer.from('not a record'),
    ];
    const report = await verify(logOf(list));
    expect(report).toMatchObject({ intents: 3, outcomes: 1, unreported: 1 });
    expect(report.problems).toMatchObject([{ kind: 'entry_malformed', index: 4 }]);
  });
});
