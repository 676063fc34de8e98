/**
 * Room: data (D-2). What is made of the signs of an injected order in a text: the score of a model, the expressions that were found, and that something was hidden.
 * It labels, and at most withholds; nothing becomes trusted by it. Pure.
 */
import type { Injection } from '../wire/injection.ts';
import { type Level, levels } from '../wire/words.ts';
import { detectors } from './detectors/index.ts';
import type { Inspection } from './inspect.ts';

export type InjectionVerdict = 'clear' | 'label' | 'block';

/** Work of an Intern or a Junior is looked at by people anyway; what acts alone is bound by where its values come from, and goes on. */
export const injectionDefault: Injection = { withheld: ['intern', 'junior'] };

/** How models are named among what was found. */
export const modelId = 'injection.model';

const kinds = new Map(
  detectors.flatMap(({ id, category, kind }) => (category === 'injection' ? [[id, kind]] : [])),
);

/** Hidden so that people do not see it; a text that is only encoded may be an attachment. */
const unseen = ['invisible', 'look_alike'] as const;

/** Two signs of different kinds weigh as much as one that blocks. */
export function injectionVerdict(
  model: InjectionVerdict,
  inspections: readonly Pick<Inspection, 'found' | 'hidden'>[],
): InjectionVerdict {
  const found = new Set(inspections.flatMap(({ found: own }) => [...own.keys()]));
  const signs = [...found].flatMap((id) => kinds.get(id) ?? []);
  if (model === 'block' || signs.includes('block')) return 'block';
  const isHidden = inspections.some(({ hidden }) => unseen.some((how) => hidden.has(how)));
  const count = signs.length + (model === 'label' ? 1 : 0);
  if (count === 0) return 'clear';
  return count > 1 || isHidden ? 'block' : 'label';
}

/** Whether an agent of this level is not given what looks so much like an order. */
export const isOrderWithheld = (
  verdict: InjectionVerdict,
  level: Level,
  { withheld }: Injection = injectionDefault,
): boolean => verdict === 'block' && withheld.includes(level);

/** Levels to which a result was withheld before, and is given now. */
export const noLongerWithheld = (before: Injection, after: Injection): Level[] =>
  levels.filter((level) => before.withheld.includes(level) && !after.withheld.includes(level));
