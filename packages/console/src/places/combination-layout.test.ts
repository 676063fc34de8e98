import type { HeldRight, PolicyFinding } from '@atf/core/wire/policy-analysis';
import { describe, expect, it } from 'vitest';
import { analysisOf } from '../../fixtures/answers-analysis.ts';
import { boxHeightPx, drawingOf, fitting } from './combination-layout.ts';

const { findings } = analysisOf('2026-11-21T00:00:00.000Z');
const [within, across, told] = findings as [PolicyFinding, PolicyFinding, PolicyFinding];
const labels = (finding: PolicyFinding, widthPx: number) =>
  drawingOf(finding, undefined, widthPx).boxes.map(({ label }) => label);

describe('the drawing of a combination', () => {
  it('has what comes in, who holds it and what goes out side by side where there is room', () => {
    const { boxes, lines, chained } = drawingOf(within, undefined, 900);
    expect(chained).toBe(false);
    expect(new Set(boxes.map(({ x }) => x)).size).toBe(3);
    expect(lines).toHaveLength(boxes.length - 1);
    expect(boxes.filter(({ cut }) => cut).map(({ label }) => label)).toEqual(['back-office/send_email']);
    expect(boxes.filter(({ onPath }) => !onPath).map(({ label }) => label)).toEqual([
      'back-office/get_order',
    ]);
  });

  it('is one path from top to bottom where it is narrow, and across agents', () => {
    expect(labels(within, 340)).toEqual([
      'files/read_text_file',
      'back-office/search_customers',
      'principal-operations',
      'back-office/send_email',
    ]);
    expect(labels(across, 900)).toEqual([
      'files/read_text_file',
      'principal-operations',
      'back-office/update_order_status',
      'back-office (orders)',
      'back-office/get_order',
      'senior-support',
      'back-office/create_refund',
    ]);
  });

  it('has who gives whom work between the two, cut where that is what ends it', () => {
    const { boxes } = drawingOf(told, undefined, 900);
    expect(boxes.map(({ label, cut }) => `${label}${cut ? ' (cut)' : ''}`)).toEqual([
      'files/read_text_file',
      'principal-operations',
      'gives work to (cut)',
      'senior-support',
      'back-office/create_refund',
    ]);
  });

  it('stays within its width and height, and says how many it leaves out', () => {
    const many = Array.from(
      { length: 25 },
      (_, at): HeldRight => ({ ...within.sinks[0], tool: `a/t${at}` }) as HeldRight,
    );
    for (const widthPx of [0, 300, 560, 1200]) {
      const drawing = drawingOf({ ...within, sinks: many }, undefined, widthPx);
      for (const { x, y } of drawing.boxes) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + drawing.boxWidthPx).toBeLessThanOrEqual(widthPx + 0.001);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y + boxHeightPx).toBeLessThanOrEqual(drawing.heightPx);
      }
    }
    expect(drawingOf({ ...within, sinks: many }, undefined, 900).more).toBe(15);
    expect(fitting('back-office/send_email', 70, 7)).toBe('…end_email');
    expect(fitting('short', 70, 7)).toBe('short');
  });
});
