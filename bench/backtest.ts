/**
 * A backtest over a million recorded decisions, on the embedded database: under a candidate that changes none of them, and under one that changes all, with what
 * control answers meanwhile. The log is made once (state.ts) and used again; half of its records are outcomes, which a backtest reads past.
 */
import { appendFileSync, cpSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Backtest } from '@atf/core/wire/backtest';
import type { ControlClient } from '@atf/sdk/client';
import { Product, root } from '../tests/e2e/product.ts';
import { askedBeside, leaseMs } from './beside.ts';
import { ms, number, type Part, type Row } from './part.ts';
import { residentMb } from './processes.ts';
import { stateOf } from './state.ts';

const wantedSeconds = 60;
const followEveryMs = 200;

/** Of a tool that none of the recorded calls is of, and of the one that all are of. */
const candidates = { none: 'create_refund', all: 'get_order' } as const;

const frozen = (tool: string) => `
@id("guardrails.frozen_for_the_benchmark")
@requirement("S-2")
forbid (principal, action, resource == ATF::Tool::"back-office/${tool}");
`;

async function filesWith(home: string, tool: string): Promise<{ name: string; text: string }[]> {
  const folder = join(home, 'candidate');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(root, 'policies'), folder, { recursive: true });
  appendFileSync(join(folder, 'guardrails.cedar'), frozen(tool));
  const names = await readdir(folder, { recursive: true });
  // Without the cases: they say what the set is for, and this one is for nothing.
  const kept = names.filter((name) => /^[^/\\]+\.(?:cedar|cedarschema|yaml)$/.test(name));
  return Promise.all(kept.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })));
}

interface Tried {
  readonly report: Backtest;
  readonly seconds: number;
  /** Longest time that control took for a small answer meanwhile, milliseconds. */
  readonly slowestMs: number;
  readonly controlMb: number;
}

async function tried(product: Product, operator: ControlClient, tool: string): Promise<Tried> {
  const { version: base } = await operator.call('policy.show');
  const files = await filesWith(product.home, tool);
  const { id: candidate } = await operator.call(
    'policy.propose',
    { body: { base, files } },
    { timeoutMs: 120_000 },
  );
  const begun = performance.now();
  const { id } = await operator.call('backtests.start', { body: { candidate, days: 366 } });
  const { answer: report, slowestMs } = await askedBeside(operator, async () => {
    for (;;) {
      const now = await operator.call('backtests.show', { params: { id } });
      if (now.state !== 'running') return now;
      await pause(followEveryMs);
    }
  });
  const seconds = (performance.now() - begun) / 1_000;
  if (report.state !== 'done')
    throw new Error(`the backtest is ${report.state} (${report.code ?? 'no code'})`);
  return { report, seconds, slowestMs, controlMb: residentMb(product.ready.pids.control) };
}

export const backtestPart: Part = {
  name: 'backtest',
  says: '1,000,000 recorded decisions made again under another policy (the first time it takes minutes to make them)',
  async measure({ quick }) {
    const size = quick ? { agents: 20, records: 2_000 } : { agents: 1_000, records: 2_000_000 };
    const state = await stateOf('pglite', size);
    const product = await Product.start({ home: state.home, env: state.env });
    try {
      await product.serving();
      const operator = await product.operator();
      const raw: Record<string, unknown> = { size };
      const rows: Row[] = [];
      for (const [changes, tool] of Object.entries(candidates)) {
        const { report, seconds, slowestMs, controlMb } = await tried(product, operator, tool);
        const { decisions, changed, unreplayable } = report;
        raw[changes] = { seconds, slowestMs, controlMb, decisions, changed, unreplayable };
        const about = `backtest of ${number(decisions)} decisions, of which ${number(changed)} change`;
        rows.push(
          {
            what: about,
            reached: `${seconds.toFixed(1)} s (${number(decisions / seconds)} a second)`,
            wanted: `< ${wantedSeconds} s`,
            ok: seconds < wantedSeconds && unreplayable.length === 0 && decisions >= size.records / 2,
          },
          {
            what: `${about}: slowest small answer of control meanwhile, its memory after`,
            reached: `${ms(slowestMs)}, ${number(controlMb)} MiB`,
            wanted: `< ${leaseMs} ms`,
            ok: slowestMs < leaseMs,
          },
        );
      }
      return { raw, rows };
    } finally {
      await product.stop();
      await state.close();
    }
  },
};
