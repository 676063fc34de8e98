/** The benchmark measures something: each part that drives the product once, for a second. What it measures then means nothing. */
import { describe, expect, it } from 'vitest';
import { postgresBinaries } from '../postgres/cluster.ts';
import { runTable } from './table-run.ts';

const quick = (part: string) => runTable('bench/run.ts', ['--quick', '--only', part]);

/** Where the machine is busy a product takes its time to start. */
const timeout = 300_000;

describe('npm run bench -- --quick', { timeout }, () => {
  it.each([
    ['http', 'HTTP GET, governed, half load'],
    ['actions', 'one action, atf, decision and both records durable'],
    ['streams', 'server-sent events, governed'],
    ['connected', '10 agents connected with a standing stream each'],
  ])('%s', async (part, row) => {
    const { code, rows, stderr } = await quick(part);
    expect(code, stderr).toBe(0);
    expect(rows.map(([what]) => what)).toContain(row);
    // Neither speed nor that nothing fails is asked for here: beside other work on one machine leases run out.
    for (const [what, reached] of rows) {
      expect(reached, what).toMatch(/\d/);
      expect(reached, what).not.toContain('NaN');
    }
  });

  it.skipIf(postgresBinaries() === undefined)('kill, with two gateways on PostgreSQL', async () => {
    const { code, rows, stderr } = await quick('kill');
    expect(code, stderr).toBe(0);
    const [what, reached] = rows[0] ?? [];
    expect(what).toContain('two gateways under full load');
    expect(reached).toMatch(/^\d[\d.,]* ms$/);
  });

  it('names its parts to whoever asks for another', async () => {
    const { code, stderr } = await quick('everything');
    expect(code).toBe(2);
    expect(stderr).toContain('--only is one of');
  });
});
