import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkpointSigner, formatVkey, parseVkey, signCheckpoint } from './checkpoint.ts';
import { emptyRoot, hashesEqual } from './merkle.ts';
import type { VerifierKey } from './signed-note.ts';
import {
  addCheckpointBytesMax,
  claimedOrigin,
  decideWitness,
  formatAddCheckpoint,
  parseAddCheckpoint,
  parseSize,
  type WitnessedHead,
} from './witness.ts';
import { fixedKey, logSigner, logVkey, origin, TestTree } from './witnessing.fixture.ts';

const logs = new Map([[origin, [parseVkey(logVkey) as VerifierKey]]]);
const tree = new TestTree(40);
/** The same first 20 leaves, others after. */
const fork = new TestTree(40, (i) => (i < 20 ? `leaf ${i}` : `other ${i}`));
const at = (size: number): WitnessedHead => ({ size, root: tree.root(size) });
const request = async (from: number, to: number, by: TestTree = tree) => ({
  oldSize: from,
  proof: await by.consistency(from, to),
  note: by.note(to),
});

describe('add-checkpoint', () => {
  test('the first checkpoint, a later one, and the same once more are cosigned', async () => {
    expect(decideWitness(await request(0, 7), logs, undefined)).toMatchObject({
      status: 200,
      checkpoint: { origin, size: 7 },
    });
    expect(decideWitness(await request(7, 33), logs, at(7))).toMatchObject({ status: 200 });
    expect(decideWitness({ oldSize: 7, proof: [], note: tree.note(7) }, logs, at(7))).toMatchObject({
      status: 200,
    });
    expect(decideWitness(await request(0, 0), logs, undefined)).toMatchObject({ status: 200 });
  });

  test('what is cosigned is the whole text, with its extension lines', () => {
    const note = signCheckpoint(
      { origin, size: 3, root: tree.root(3), extensions: ['an extension'] },
      logSigner,
    );
    expect(decideWitness({ oldSize: 0, proof: [], note }, logs, undefined)).toMatchObject({
      status: 200,
      text: note.slice(0, note.lastIndexOf('\n\n') + 1),
    });
  });

  test('404 for an unknown log, 403 without a good signature of its key', async () => {
    const stranger = checkpointSigner('other.example/log', fixedKey(9));
    const impostor = checkpointSigner(origin, fixedKey(9));
    const asked = await request(0, 7);
    expect(decideWitness({ ...asked, note: tree.note(7, stranger) }, logs, undefined).status).toBe(404);
    expect(decideWitness({ ...asked, note: tree.note(7, impostor) }, logs, undefined).status).toBe(403);
    const other = tree.note(8).split('\n\n')[1] ?? '';
    const swapped = `${asked.note.split('\n\n')[0]}\n\n${other}`;
    expect(decideWitness({ ...asked, note: swapped }, logs, undefined).status).toBe(403);
  });

  test('one of several keys of a log is enough', async () => {
    const rotated = checkpointSigner(origin, fixedKey(9));
    const rotatedKey = parseVkey(formatVkey(origin, rotated.publicKey)) as VerifierKey;
    const both = new Map([[origin, [parseVkey(logVkey) as VerifierKey, rotatedKey]]]);
    const asked = { ...(await request(0, 7)), note: tree.note(7, rotated) };
    expect(decideWitness(asked, both, undefined).status).toBe(200);
  });

  test('409 with the latest size, when the old size is another', async () => {
    expect(decideWitness(await request(5, 33), logs, at(7))).toEqual({
      status: 409,
      size: 7,
      conflicting: false,
      origin,
    });
    expect(decideWitness(await request(5, 33), logs, undefined)).toMatchObject({ status: 409, size: 0 });
    // A log that was rolled back hears how much was cosigned, also when it says nothing of it.
    expect(decideWitness(await request(0, 5), logs, at(7))).toMatchObject({ status: 409, size: 7 });
  });

  test('another tree of the same size is a conflict', async () => {
    expect(decideWitness({ oldSize: 33, proof: [], note: fork.note(33) }, logs, at(33))).toEqual({
      status: 409,
      size: 33,
      conflicting: true,
      origin,
    });
    const noLeaves = signCheckpoint({ origin, size: 0, root: tree.root(1), extensions: [] }, logSigner);
    expect(decideWitness({ oldSize: 0, proof: [], note: noLeaves }, logs, undefined)).toMatchObject({
      status: 409,
      conflicting: true,
    });
  });

  test('422 for another history, a proof too much or too little, and any changed hash', async () => {
    const good = await request(21, 33);
    expect(decideWitness(await request(21, 33, fork), logs, at(21)).status).toBe(422);
    expect(decideWitness({ ...good, proof: [] }, logs, at(21)).status).toBe(422);
    expect(decideWitness({ ...good, proof: [...good.proof, emptyRoot] }, logs, at(21)).status).toBe(422);
    for (const i of good.proof.keys()) {
      const proof = good.proof.map((hash, j) => (i === j ? emptyRoot : hash));
      expect(decideWitness({ ...good, proof }, logs, at(21)).status, `hash ${i}`).toBe(422);
    }
    const first = { oldSize: 0, proof: [emptyRoot], note: tree.note(7) };
    expect(decideWitness(first, logs, undefined).status).toBe(422);
    expect(decideWitness({ oldSize: 7, proof: [emptyRoot], note: tree.note(7) }, logs, at(7)).status).toBe(
      422,
    );
  });

  test('400 when the old size is above the new one, and for what is no checkpoint', async () => {
    expect(decideWitness({ ...(await request(0, 7)), oldSize: 8 }, logs, at(8)).status).toBe(400);
    expect(decideWitness({ oldSize: 0, proof: [], note: 'rubbish' }, logs, undefined).status).toBe(400);
    expect(
      decideWitness({ oldSize: 0, proof: [], note: 'a\n\n— b AAAAAAAA\n' }, logs, undefined).status,
    ).toBe(400);
  });
});

describe('the form of a request', () => {
  test('round trip, and the example of the specification', async () => {
    const asked = await request(21, 33);
    const body = formatAddCheckpoint(asked);
    expect(body).toMatch(/^old 21\n(?:[A-Za-z0-9+/]{43}=\n)+\natf\.example\/log\/main\n33\n/);
    const read = parseAddCheckpoint(body);
    expect(read?.note).toBe(asked.note);
    expect(read?.proof.every((hash, i) => hashesEqual(hash, asked.proof[i] as Uint8Array))).toBe(true);
    expect(parseAddCheckpoint(formatAddCheckpoint(await request(0, 7)))).toMatchObject({
      oldSize: 0,
      proof: [],
    });
    expect(claimedOrigin(asked.note)).toBe(origin);
  });

  const note = tree.note(7);
  const hash = Buffer.from(emptyRoot).toString('base64');
  test.each([
    ['nothing', ''],
    ['no old line', `${hash}\n\n${note}`],
    ['leading zero', `old 07\n\n${note}`],
    ['plus sign', `old +7\n\n${note}`],
    ['beyond 2^53', `old 9007199254740992\n\n${note}`],
    ['two spaces', `old  7\n\n${note}`],
    ['carriage returns', `old 7\r\n\r\n${note}`],
    ['no empty line', `old 7\n${hash}\n`],
    ['a hash of 31 bytes', `old 7\n${Buffer.alloc(31).toString('base64')}\n\n${note}`],
    ['base64 that is not canonical', `old 7\n${hash.slice(0, -2)}V=\n\n${note}`],
    ['64 hashes', `old 7\n${`${hash}\n`.repeat(64)}\n${note}`],
    ['too long', `old 7\n\n${'x'.repeat(addCheckpointBytesMax)}`],
  ])('refused: %s', (_what, body) => {
    expect(parseAddCheckpoint(body)).toBeUndefined();
  });

  test('sizes', () => {
    expect(parseSize('0')).toBe(0);
    expect(parseSize('20852163')).toBe(20_852_163);
    for (const text of ['', '00', '1\n', '-1', '1e3', ' 1']) expect(parseSize(text), text).toBeUndefined();
  });
});

test('whatever a log sends, in whatever order: no two cosigned heads contradict each other', async () => {
  const seed = 20_261_121;
  const trees = [tree, fork];
  const sends = fc.array(
    fc.record({
      by: fc.integer({ min: 0, max: 1 }),
      proofBy: fc.integer({ min: 0, max: 1 }),
      from: fc.integer({ min: 0, max: 40 }),
      to: fc.integer({ min: 0, max: 40 }),
      truthful: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(sends, async (sent) => {
      let latest: WitnessedHead | undefined;
      const signed: WitnessedHead[] = [];
      for (const { by, proofBy, from, to, truthful } of sent) {
        const oldSize = truthful ? (latest?.size ?? 0) : from;
        const proof = oldSize <= to ? await (trees[proofBy] as TestTree).consistency(oldSize, to) : [];
        const note = (trees[by] as TestTree).note(to);
        const decided = decideWitness({ oldSize, proof, note }, logs, latest);
        if (decided.status !== 200) continue;
        latest = decided.checkpoint;
        signed.push(decided.checkpoint);
      }
      const histories = trees.filter((each) =>
        signed.every(({ size, root }) => hashesEqual(each.root(size), root)),
      );
      expect(histories.length, 'one history holds all that was cosigned').toBeGreaterThan(0);
      expect(signed.every(({ size }, i) => i === 0 || size >= (signed[i - 1]?.size ?? 0))).toBe(true);
    }),
    { seed, numRuns: 300 },
  );
});
