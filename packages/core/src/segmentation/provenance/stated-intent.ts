/**
 * Room: segmentation (S-2). Whether a person's words ask for what a tool does, by its verb: a task that asks when a meeting is does not ask to send anything. Where no
 * value of a call says to what it is done, its thing must be spoken of, too: words that ask to change a street do not ask to change a password. Lexical and English;
 * words in another language ask for nothing here, and a person is asked. Pure.
 */
import { wordSet, wordsOf } from '../classify.ts';
import { type About, alikeIn, speaksOf } from './thing-meant.ts';

const sets = [
  'send email mail message dm post reply respond answer forward notify tell inform contact text publish announce write msg submit',
  'create add make schedule book set put plan new arrange organize organise reserve register open write generate insert log record save draft',
  'update change edit modify reschedule move rename append adjust correct set replace extend postpone add mark upgrade',
  'append add put write',
  'invite add register',
  'reserve book rent hire order',
  'share give grant',
  'delete remove cancel clear erase drop discard',
  'pay transfer send wire refund buy purchase order settle return exchange',
  'run execute deploy start trigger launch',
  'get read fetch open visit look find search check show list download summarize summarise review what which who when where how',
];

/** Verb → what says the same. */
const alike = alikeIn(sets);

/** Nouns that stand for what is done, after a verb that says little: `make_payment` pays. */
const deeds: Readonly<Record<string, string>> = {
  payment: 'pay',
  transaction: 'pay',
  remittance: 'pay',
  purchase: 'buy',
  order: 'order',
  reservation: 'reserve',
  booking: 'book',
  appointment: 'schedule',
  refund: 'refund',
  transfer: 'transfer',
  donation: 'pay',
};
const sayLittle = wordSet(
  'make do perform place issue process submit initiate create execute schedule plan set',
);

/** Verbs that are as often nouns: they count where a sentence asks with them. */
const alsoNouns = wordSet(
  'email mail message text post contact answer order book record log register transfer return exchange plan update change file mark set schedule buy purchase draft edit invite move run start trigger dm share reply forward refund',
);
/** After these a verb asks. */
const asking = wordSet('please and then to also you or should must can will could would just');
/** Shortly after these a verb is what is not to be done. */
const negating = wordSet('not never don dont t without avoid no');
const negatedWithin = 3;

/** `reschedule`, `rescheduling`; what was done before asks for nothing. */
function formsOf(verb: string): Set<string> {
  const stem = verb.endsWith('e') ? verb.slice(0, -1) : verb;
  return new Set([verb, `re${verb}`, `${stem}ing`]);
}

interface Token {
  readonly word: string;
  readonly begins: boolean;
}

/** The words of the task with where sentences and clauses begin. */
function tokensOf(task: string): Token[] {
  return task
    .toLowerCase()
    .split(/(?<=[.!?:;,)\n])\s*/)
    .flatMap((clause) =>
      clause
        .split(/[^\p{L}\p{N}]+/u)
        .filter((word) => word !== '')
        .map((word, at) => ({ word, begins: at === 0 })),
    );
}

export const intents = ['stated', 'silent', 'unclear'] as const;
export type Intent = (typeof intents)[number];

/** The verbs that say what a tool does, of the words of its name. */
function verbsOf(words: readonly string[]): string[] {
  const verb = words.find((word) => alike.has(word));
  const deed =
    verb === undefined || sayLittle.has(verb)
      ? words.map((word) => deeds[word]).find((word) => word !== undefined)
      : undefined;
  return [verb, deed].filter((word) => word !== undefined);
}

/**
 * Whether `task` (the person's own words) asks for what the tool named `tool` does. `unclear`: the name holds no verb that is known here, so that nothing can be
 * compared. Without words nothing is asked for. `about`: of a call no value of which says to what it is done, whose thing the task must speak of.
 */
export function intentOf(task: string, tool: string, about?: About): Intent {
  const tokens = tokensOf(task);
  if (tokens.length === 0) return 'silent';
  const words = wordsOf(tool);
  const verbs = verbsOf(words);
  if (verbs.length === 0) return 'unclear';
  const wanted = new Set(verbs.flatMap((verb) => [...(alike.get(verb) ?? [])]));
  if (about !== undefined) {
    const said = tokens.map(({ word }) => word);
    const nouns = words.filter((word) => !verbs.includes(word) && !sayLittle.has(word));
    if (!speaksOf(said, nouns, about)) return 'silent';
  }
  for (const each of wanted) {
    const forms = formsOf(each);
    const said = tokens.some(({ word, begins }, at) => {
      if (!forms.has(word)) return false;
      // "Tell me", "send me": the answer is for the person.
      if (tokens[at + 1]?.word === 'me') return false;
      if (isNegated(tokens, at)) return false;
      if (!alsoNouns.has(each)) return true;
      const before = tokens[at - 1]?.word ?? '';
      return begins || asking.has(before) || /^[0-9]+$/.test(before);
    });
    if (said) return 'stated';
  }
  return 'silent';
}

function isNegated(tokens: readonly Token[], at: number): boolean {
  for (let back = at; back > Math.max(0, at - negatedWithin); back--) {
    if (tokens[back]?.begins === true) return false;
    if (negating.has(tokens[back - 1]?.word ?? '')) return true;
  }
  return false;
}
