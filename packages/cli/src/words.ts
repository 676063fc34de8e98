/** The words and marks that commands share: outcomes, levels, ages, identifiers. */
import { style, type Styled, type StyleName } from './output.ts';

const outcomeStyles: Readonly<Record<string, { mark: string; name: StyleName }>> = {
  allow: { mark: '✓', name: 'green' },
  allowed: { mark: '✓', name: 'green' },
  done: { mark: '✓', name: 'green' },
  pass: { mark: '✓', name: 'green' },
  proved: { mark: '✓', name: 'green' },
  ask: { mark: '…', name: 'yellow' },
  waiting: { mark: '…', name: 'yellow' },
  partly: { mark: '~', name: 'yellow' },
  refuse: { mark: '✗', name: 'red' },
  refused: { mark: '✗', name: 'red' },
  failed: { mark: '✗', name: 'red' },
  stopped: { mark: '■', name: 'red' },
  killed: { mark: '■', name: 'red' },
  unknown: { mark: '?', name: 'yellow' },
};

/** An outcome always has a mark and its word; the colour only adds. */
export function outcomeStyled(outcome: string): Styled {
  const found = outcomeStyles[outcome];
  return found === undefined ? style('dim', outcome) : style(found.name, `${found.mark} ${outcome}`);
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `5 s`, `3 min`, `2 h`, `4 d`. */
export function duration(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`;
  if (ms < minute) return `${Math.round(ms / second)} s`;
  if (ms < hour) return `${Math.round(ms / minute)} min`;
  if (ms < day) return `${Math.round(ms / hour)} h`;
  return `${Math.round(ms / day)} d`;
}

export const ago = (iso: string, nowMs: number): string =>
  `${duration(Math.max(0, nowMs - Date.parse(iso)))} ago`;

/** Milliseconds with the digits that a measurement deserves. */
export const measured = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** Seven characters tell approvals and actions apart on a screen; commands take any unique beginning. */
export const shortId = (id: string): string => id.slice(0, 8);

/** `1 agent`, `2 agents`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
