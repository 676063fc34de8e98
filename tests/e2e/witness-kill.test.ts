/** A witness that is killed at any moment, again and again, under two histories at once: what it cosigned never contradicts itself. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cosignatureBy, parseWitnessVkey } from '@atf/core/audit/cosignature';
import { withSignatures } from '@atf/core/audit/log-policy';
import { hashesEqual } from '@atf/core/audit/merkle';
import { parseNote, type SignedNote, type VerifierKey } from '@atf/core/audit/signed-note';
import { formatAddCheckpoint, parseSize } from '@atf/core/audit/witness';
import { logVkey, TestTree } from '@atf/core/audit/witnessing.fixture';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { atf, failure } from './cli-run.ts';
import { WitnessProcess } from './witness-process.ts';

const killsWanted = 12;
const leaves = 600;
const tree = new TestTree(leaves);
const fork = new TestTree(leaves, (i) => (i < 3 ? `leaf ${i}` : `other ${i}`));
/** A small generator with a fixed seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'atf-e2e-witness-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('kill -9 at any moment: no two cosigned heads contradict each other', async () => {
  const seed = 20_261_121;
  const next = random(seed);
  const cosigned: { by: TestTree; size: number }[] = [];
  let vkey = '';
  /** One log of the two, as fast as it can, from what the witness says it knows. */
  const attack = async (by: TestTree, url: string, over: () => boolean): Promise<void> => {
    let known = 0;
    while (!over()) {
      const size = Math.min(leaves - 1, known + 1 + Math.floor(next() * 5));
      const body = formatAddCheckpoint({
        oldSize: known,
        proof: await by.consistency(known, size),
        note: by.note(size),
      });
      const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body }).catch(() => undefined);
      const text = await response?.text().catch(() => undefined);
      if (text === undefined) return;
      if (response?.status === 409) {
        known = parseSize(text.trim()) ?? 0;
        // A fork has no proof from a history that is not its own: it tries the size all the same.
        if (known >= leaves - 1) return;
      }
      if (response?.status !== 200) continue;
      const note = parseNote(
        withSignatures(parseNote(by.note(size)) as SignedNote, text.trimEnd().split('\n')),
      );
      expect(cosignatureBy(note as SignedNote, parseWitnessVkey(vkey) as VerifierKey)).toBeDefined();
      cosigned.push({ by, size });
      known = size;
    }
  };
  for (let kills = 0; kills < killsWanted; kills++) {
    const witness = await WitnessProcess.start(dir, 'w.example', logVkey);
    if (vkey !== '') expect(witness.vkey, 'one key for ever').toBe(vkey);
    ({ vkey } = witness);
    let over = false;
    const before = cosigned.length;
    const attacks = [attack(tree, witness.url, () => over), attack(fork, witness.url, () => over)];
    // Killed after a number of cosignatures that nobody knows before, in the middle of whatever happens then.
    const wanted = before + 1 + Math.floor(next() * 4);
    const full = (): boolean => cosigned.some(({ size }) => size >= leaves - 1);
    while (cosigned.length < wanted && !full()) await new Promise((done) => setImmediate(done));
    await witness.end('SIGKILL');
    over = true;
    await Promise.all(attacks);
  }
  expect(cosigned.length, `seed ${seed}`).toBeGreaterThanOrEqual(killsWanted);
  const largest = Math.max(...cosigned.map(({ size }) => size));
  const histories = [tree, fork].filter((each) =>
    cosigned.every(({ by, size }) => hashesEqual(by.root(size), each.root(size))),
  );
  expect(histories.length, `one history holds all that was cosigned (seed ${seed})`).toBeGreaterThan(0);
  // What came last outlived every kill, and the other history is still refused.
  const [kept] = histories as [TestTree];
  const other = kept === tree ? fork : tree;
  const witness = await WitnessProcess.start(dir, 'w.example', logVkey);
  const send = async (by: TestTree, from: number, to: number) =>
    fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      body: formatAddCheckpoint({ oldSize: from, proof: await by.consistency(from, to), note: by.note(to) }),
    });
  const latest = parseSize((await (await send(kept, 1, 2)).text()).trim()) ?? 0;
  expect(latest).toBeGreaterThanOrEqual(largest);
  expect((await send(other, latest, latest + 1)).status).toBe(422);
  expect((await send(kept, latest, latest + 1)).status).toBe(200);
  await witness.end();
});

it('has one key in a file for its user alone, one name, one process; a lost state is not begun anew', async () => {
  const state = join(dir, 'w');
  const args = ['witness', '--json', '--dir', state, '--log', logVkey, '--port', '0'];
  expect((await atf(args)).code, 'a new witness needs a name').toBe(2);
  const witness = await WitnessProcess.start(state, 'w.example/1', logVkey);
  if (process.platform !== 'win32') expect(statSync(join(state, 'witness.key')).mode & 0o777).toBe(0o600);
  const second = await atf(args);
  expect([second.code, failure(second).code]).toEqual([5, 'storage.locked']);
  expect(await witness.end()).toBe(0);
  expect(readdirSync(state)).not.toContain('lock');
  expect((await atf([...args, '--name', 'another'])).code).toBe(2);
  expect((await atf(['witness', '--dir', state, '--port', '0'])).code, 'no log').toBe(2);
  expect((await atf([...args, '--host', '0.0.0.0'])).code, 'plain HTTP beyond this machine').toBe(2);
  rmSync(join(state, 'heads'), { recursive: true });
  const lost = await atf(args);
  expect([lost.code, failure(lost).message]).toEqual([
    5,
    expect.stringContaining('nobody knows what this key has cosigned'),
  ]);
  writeFileSync(join(state, 'witness.key'), 'rubbish', { mode: 0o600 });
  expect((await atf(args)).code).toBe(5);
});
