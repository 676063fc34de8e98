/** What became of an action or a question: an icon and a word, never a colour alone. */
import type { DeliveryState, Severity } from '@atf/core/wire/notifications';
import type { ApprovalState } from '@atf/core/wire/words';
import { Icon, type IconName } from './icons.tsx';

interface Look {
  readonly icon: IconName;
  readonly colour: string;
}

const allowedColour = 'text-(--outcome-allowed)';
const waitingColour = 'text-(--outcome-waiting)';
const refusedColour = 'text-(--outcome-refused)';
const stoppedColour = 'text-(--outcome-stopped)';

/** The few ways in which anything can stand; every word below has one of them. */
const looks = {
  yes: { icon: 'allowed', colour: allowedColour },
  over: { icon: 'done', colour: allowedColour },
  waits: { icon: 'waiting', colour: waitingColour },
  paused: { icon: 'pause', colour: waitingColour },
  open: { icon: 'unknown', colour: waitingColour },
  warns: { icon: 'failed', colour: waitingColour },
  no: { icon: 'refused', colour: refusedColour },
  stopped: { icon: 'stopped', colour: stoppedColour },
  broken: { icon: 'failed', colour: stoppedColour },
} as const satisfies Record<string, Look>;

/** The look, and the word where it is not the key itself. */
type Mark = keyof typeof looks | readonly [keyof typeof looks, string];

export const outcomeWords = [
  'allowed',
  'done',
  'waiting',
  'refused',
  'stopped',
  'failed',
  'unknown',
] as const;
export type Outcome = (typeof outcomeWords)[number];

const outcomes: Record<Outcome, Mark> = {
  allowed: 'yes',
  done: 'over',
  waiting: 'waits',
  refused: 'no',
  stopped: 'stopped',
  failed: 'broken',
  unknown: 'open',
};

const decisions: Record<'allow' | 'ask' | 'refuse', Mark> = {
  allow: ['yes', 'Allowed'],
  ask: ['waits', 'Asks a person'],
  refuse: ['no', 'Refused'],
};

const verdicts: Record<'pass' | 'ask' | 'refuse', Mark> = {
  ...decisions,
  pass: ['yes', 'Passed'],
  ask: ['waits', 'Asks'],
};

const approvals: Record<ApprovalState, Mark> = {
  waiting: 'waits',
  approved: 'yes',
  rejected: 'no',
  expired: 'no',
  void: 'stopped',
  consumed: ['yes', 'Released'],
  done: 'over',
  unknown: 'open',
};

const states: Record<'active' | 'paused' | 'quarantined' | 'killed' | 'removed', Mark> = {
  active: 'yes',
  paused: 'paused',
  quarantined: 'warns',
  killed: 'stopped',
  removed: 'no',
};

const severityMarks: Record<Severity, Mark> = { info: 'yes', warning: 'warns', critical: 'broken' };

const deliveries: Record<DeliveryState, Mark> = {
  waiting: 'waits',
  sending: 'waits',
  delivered: 'over',
  dead: ['broken', 'Given up'],
  dropped: 'no',
};

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function Marked<K extends string>({ of, at }: { readonly of: Record<K, Mark>; readonly at: K }) {
  const mark = of[at];
  const [look, word] = typeof mark === 'string' ? [mark, capital(at)] : mark;
  const { icon, colour } = looks[look];
  return (
    <span className="inline-flex items-center gap-1.5 align-bottom whitespace-nowrap">
      <Icon name={icon} className={colour} />
      <span>{word}</span>
    </span>
  );
}

export const OutcomeMark = ({ outcome }: { readonly outcome: Outcome }) => (
  <Marked of={outcomes} at={outcome} />
);
export const DecisionMark = ({ outcome }: { readonly outcome: keyof typeof decisions }) => (
  <Marked of={decisions} at={outcome} />
);
export const VerdictMark = ({ verdict }: { readonly verdict: keyof typeof verdicts }) => (
  <Marked of={verdicts} at={verdict} />
);
export const ApprovalMark = ({ state }: { readonly state: ApprovalState }) => (
  <Marked of={approvals} at={state} />
);
export const StateMark = ({ state }: { readonly state: keyof typeof states }) => (
  <Marked of={states} at={state} />
);
export const SeverityMark = ({ severity }: { readonly severity: Severity }) => (
  <Marked of={severityMarks} at={severity} />
);
export const DeliveryMark = ({ state }: { readonly state: DeliveryState }) => (
  <Marked of={deliveries} at={state} />
);
