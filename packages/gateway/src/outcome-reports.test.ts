import { type ErrorCode, refusal } from '@atf/core/errors';
import { describe, expect, it } from 'vitest';
import { OutcomeReports } from './outcome-reports.ts';
import type { ControlPort } from './ports.ts';

const outcome = { status: 'not_executed' } as const;

/** Control that answers each report with the next of these: a code refuses, `lost` never answers. */
function reportsTo(...answers: (ErrorCode | 'ok' | 'lost')[]) {
  const asked: string[] = [];
  const request = async (operation: string, { body }: { body?: unknown }) => {
    if (operation === 'gateway.started') return { ok: true, value: { ok: true } };
    asked.push((body as { actionId: string }).actionId);
    const answer = answers.shift() ?? 'ok';
    if (answer === 'ok') return { ok: true, value: { ok: true } };
    return answer === 'lost'
      ? { ok: false, sent: true, refusal: refusal('containment.feed_stale') }
      : { ok: false, sent: false, refusal: refusal(answer) };
  };
  const control = { request } as unknown as ControlPort;
  const reports = new OutcomeReports({ control, upMs: () => 1, pause: () => new Promise(() => undefined) });
  return { reports, asked };
}

describe('what came of a released call', () => {
  it.each(['lost', 'identity.proof_before_start', 'request.overloaded'] as const)(
    'is kept while control says %s, which is not about the approval',
    async (said) => {
      const { reports, asked } = reportsTo(said, said, 'ok');
      await reports.tell('approval', 'action', outcome);
      expect(await reports.settle('approval')).toBe(false);
      await reports.connected();
      expect(asked).toEqual(['action', 'action', 'action']);
      expect(await reports.settle('approval')).toBe(true);
      expect(asked).toHaveLength(3);
    },
  );

  it.each(['approvals.not_waiting', 'approvals.not_found'] as const)(
    'is over when control says %s: it knows better',
    async (said) => {
      const { reports, asked } = reportsTo('lost', said);
      await reports.tell('approval', 'action', outcome);
      expect(await reports.settle('approval')).toBe(true);
      expect(await reports.settle('approval')).toBe(true);
      expect(asked).toHaveLength(2);
    },
  );

  it('is told first: nothing is asked about an approval that is settled', async () => {
    const { reports, asked } = reportsTo();
    expect(await reports.settle('approval')).toBe(true);
    expect(asked).toEqual([]);
  });
});
