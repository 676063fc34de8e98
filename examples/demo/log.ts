/** The log is copied, verified, changed by one byte, and verified again: the verification must name the entry that was changed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyLog } from '@atf/cli/audit-copy';
import { verifyLogDirectory } from '@atf/cli/audit-dir';
import { decodeBundle } from '@atf/core/audit/tiles';
import type { Narrator } from './narrator.ts';
import type { Stage } from './product.ts';
import { until } from './until.ts';

const bundleEntriesMax = 256;

export async function verifyAndTamper(stage: Stage, narrator: Narrator): Promise<void> {
  narrator.chapter('The log verifies, and one changed byte is found');
  await until('every record to be in the log', async () =>
    (await stage.operator.call('audit.status')).pending === 0 ? true : undefined,
  );
  const copy = mkdtempSync(join(tmpdir(), 'atf-demo-log-'));
  try {
    copyLog(join(stage.dataDir, 'log'), copy);
    const startMs = performance.now();
    const report = await verifyLogDirectory(copy);
    narrator.holds(
      report.ok && report.size > 0,
      `A copy of the log verifies offline: ${report.size} entries, ${report.intents} intents, ${report.refusals} refusals.`,
      report.problems,
    );
    narrator.measured('for all of it', performance.now() - startMs);

    const { file, index } = changeOneByte(copy);
    narrator.tell(`One byte of entry ${index} is changed in the copy (${file}).`);
    const tampered = await verifyLogDirectory(copy);
    const named = tampered.problems.find((problem) => problem.kind === 'entry_changed');
    narrator.holds(
      !tampered.ok && named?.index === index,
      `Verification fails and names it: ${named?.message ?? '?'}`,
      tampered.problems,
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Flips one bit in the middle of the middle entry of the first bundle; returns which. */
function changeOneByte(copy: string): { file: string; index: number } {
  const folder = join(copy, 'tile', 'entries');
  const file = newestBundle(folder);
  const bytes = readFileSync(join(folder, file));
  const { entries } = decodeBundle(bytes, bundleEntriesMax);
  const index = Math.floor(entries.length / 2);
  const entry = entries[index];
  if (entry === undefined) throw new Error('the log has no entries');
  // Each entry stands behind its length, two bytes (C2SP tlog-tiles, "Log Entries").
  const start = entries.slice(0, index).reduce((sum, each) => sum + 2 + each.length, 0) + 2;
  const at = start + Math.floor(entry.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(join(folder, file), bytes);
  return { file: `tile/entries/${file}`, index };
}

/** The bundle of the first entries: the full one, or the longest partial one. */
function newestBundle(folder: string): string {
  const names = readdirSync(folder);
  if (names.includes('000')) return '000';
  const widths = readdirSync(join(folder, '000.p'))
    .map(Number)
    .sort((a, b) => b - a);
  return `000.p/${widths[0]}`;
}
