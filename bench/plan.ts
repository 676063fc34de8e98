/**
 * `atf policy plan` over 10,000 agents, as a person runs it: the command line with a folder against a running control plane, whose set holds 1,000 policies of the
 * company's own. From the command to its last line, with what it tells on the way and what control answers meanwhile.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PlanPage } from '@atf/core/wire/policy';
import { Product, root } from '../tests/e2e/product.ts';
import { askedBeside, leaseMs } from './beside.ts';
import { companySet } from './fleet.ts';
import { ms, number, type Part } from './part.ts';
import { residentMb } from './processes.ts';
import { stateOf, writtenSet } from './state.ts';

const wantedSeconds = 60;
/** What `atf policy plan` ends with when something would change. */
const changesCode = 7;

interface Planned {
  readonly items: PlanPage['items'];
  readonly agents: number;
  readonly rights: number;
}

interface Ran {
  readonly plan: Planned;
  readonly seconds: number;
  /** Lines of progress, and the longest time without one. */
  readonly lines: number;
  readonly silentMs: number;
}

async function planned(product: Product, folder: string): Promise<Ran> {
  const begun = performance.now();
  const at = ['--data', product.dataDir, '--control', product.ready.controlUrl, '--json'];
  const cli = join(root, 'packages/cli/bin/atf.js');
  const child = spawn(process.execPath, [cli, 'policy', 'plan', folder, ...at], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [toldMs, silentMs, lines, text, said] = [begun, 0, 0, '', ''];
  const heard = () => {
    silentMs = Math.max(silentMs, performance.now() - toldMs);
    toldMs = performance.now();
  };
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  createInterface({ input: child.stderr }).on('line', (line) => {
    heard();
    lines += 1;
    said += `${line}\n`;
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  heard();
  if (code !== changesCode)
    throw new Error(`atf policy plan ended with ${code}:\n${said}${text.slice(0, 1_000)}`);
  return { plan: JSON.parse(text) as Planned, seconds: (performance.now() - begun) / 1_000, lines, silentMs };
}

export const planPart: Part = {
  name: 'plan',
  says: 'atf policy plan over 10,000 agents and 1,000 policies (the first time it takes minutes to make them)',
  async measure({ quick }) {
    const size = quick
      ? { agents: 450, records: 0, policies: 50 }
      : { agents: 10_000, records: 0, policies: 1_000 };
    const state = await stateOf('pglite', size);
    const product = await Product.start({ home: state.home, env: state.env });
    try {
      await product.serving();
      const operator = await product.operator();
      const folder = writtenSet(
        join(product.home, 'candidate'),
        await companySet(size.policies, size.policies / 10),
      );
      const { answer, slowestMs } = await askedBeside(operator, () => planned(product, folder));
      const { plan, seconds, lines, silentMs } = answer;
      const { agents, rights } = plan;
      const changed = plan.items.reduce((sum, { changes }) => sum + changes.length, 0);
      const controlMb = residentMb(product.ready.pids.control);
      const about = `atf policy plan, ${number(size.policies)} policies, ${number(agents)} agents with ${number(rights)} rights`;
      return {
        raw: { size, seconds, lines, silentMs, slowestMs, controlMb, agents, rights, changed },
        rows: [
          {
            what: about,
            reached: `${seconds.toFixed(1)} s; ${number(changed)} rights of ${number(plan.items.length)} agents change`,
            wanted: `< ${wantedSeconds} s`,
            ok: seconds < wantedSeconds && agents >= size.agents && changed > 0 && changed < rights,
          },
          {
            what: `${about}: lines of progress, longest time without one`,
            reached: `${number(lines)}, ${ms(silentMs)}`,
            wanted: 'progress is shown',
            ok: lines > 0,
          },
          {
            what: `${about}: slowest small answer of control meanwhile, its memory after`,
            reached: `${ms(slowestMs)}, ${number(controlMb)} MiB`,
            wanted: `< ${leaseMs} ms`,
            ok: slowestMs < leaseMs,
          },
        ],
      };
    } finally {
      await product.stop();
      await state.close();
    }
  },
};
