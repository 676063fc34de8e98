/** What became of an action or a question: an icon and a word, never a colour alone. */
import type { ApprovalState } from '@atf/core/wire/words';
import { Icon, type IconName } from './icons.tsx';

type Tone = 'allowed' | 'waiting' | 'refused' | 'stopped';

interface Mark {
  readonly icon: IconName;
  readonly word: string;
  readonly tone: Tone;
}

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
  allowed: { icon: 'allowed', word: 'Allowed', tone: 'allowed' },
  done: { icon: 'done', word: 'Done', tone: 'allowed' },
  waiting: { icon: 'waiting', word: 'Waiting', tone: 'waiting' },
  refused: { icon: 'refused', word: 'Refused', tone: 'refused' },
  stopped: { icon: 'stopped', word: 'Stopped', tone: 'stopped' },
  failed: { icon: 'failed', word: 'Failed', tone: 'stopped' },
  unknown: { icon: 'unknown', word: 'Unknown', tone: 'waiting' },
};

const decisions: Record<'allow' | 'ask' | 'refuse', Mark> = {
  allow: { icon: 'allowed', word: 'Allowed', tone: 'allowed' },
  ask: { icon: 'waiting', word: 'Asks a person', tone: 'waiting' },
  refuse: { icon: 'refused', word: 'Refused', tone: 'refused' },
};

const verdicts: Record<'pass' | 'ask' | 'refuse', Mark> = {
  pass: { icon: 'allowed', word: 'Passed', tone: 'allowed' },
  ask: { icon: 'waiting', word: 'Asks', tone: 'waiting' },
  refuse: { icon: 'refused', word: 'Refused', tone: 'refused' },
};

const approvals: Record<ApprovalState, Mark> = {
  waiting: { icon: 'waiting', word: 'Waiting', tone: 'waiting' },
  approved: { icon: 'allowed', word: 'Approved', tone: 'allowed' },
  rejected: { icon: 'refused', word: 'Rejected', tone: 'refused' },
  expired: { icon: 'refused', word: 'Expired', tone: 'refused' },
  void: { icon: 'stopped', word: 'Void', tone: 'stopped' },
  consumed: { icon: 'allowed', word: 'Released', tone: 'allowed' },
  done: { icon: 'done', word: 'Done', tone: 'allowed' },
  unknown: { icon: 'unknown', word: 'Unknown', tone: 'waiting' },
};

const states: Record<'active' | 'paused' | 'quarantined' | 'killed' | 'removed', Mark> = {
  active: { icon: 'allowed', word: 'Active', tone: 'allowed' },
  paused: { icon: 'pause', word: 'Paused', tone: 'waiting' },
  quarantined: { icon: 'failed', word: 'Quarantined', tone: 'waiting' },
  killed: { icon: 'stopped', word: 'Killed', tone: 'stopped' },
  removed: { icon: 'refused', word: 'Removed', tone: 'refused' },
};

const tones: Record<Tone, string> = {
  allowed: 'text-(--outcome-allowed)',
  waiting: 'text-(--outcome-waiting)',
  refused: 'text-(--outcome-refused)',
  stopped: 'text-(--outcome-stopped)',
};

function Marked({ mark }: { readonly mark: Mark }) {
  return (
    <span className="inline-flex items-center gap-1.5 align-bottom whitespace-nowrap">
      <Icon name={mark.icon} className={tones[mark.tone]} />
      <span>{mark.word}</span>
    </span>
  );
}

export const OutcomeMark = ({ outcome }: { readonly outcome: Outcome }) => (
  <Marked mark={outcomes[outcome]} />
);
export const DecisionMark = ({ outcome }: { readonly outcome: keyof typeof decisions }) => (
  <Marked mark={decisions[outcome]} />
);
export const VerdictMark = ({ verdict }: { readonly verdict: keyof typeof verdicts }) => (
  <Marked mark={verdicts[verdict]} />
);
export const ApprovalMark = ({ state }: { readonly state: ApprovalState }) => (
  <Marked mark={approvals[state]} />
);
export const StateMark = ({ state }: { readonly state: keyof typeof states }) => (
  <Marked mark={states[state]} />
);
