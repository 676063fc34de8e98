/**
 * Room: data (D-2, D-4). The models that ship (docs/models/), as one question: how much does this text look like what a model was trained to find? A score is a label,
 * never a permission. A model that is not there, or that fails, has not looked: nobody throws. Whoever asks reads the files.
 */
import { type Model, parseModel } from './linear-model.ts';

export type ModelName = 'injection-read' | 'injection-prompt' | 'toxicity';

/** Where their files stand: `<name>.bin`. */
export const modelsFolder = new URL('../../../models/', import.meta.url);

export interface Scored {
  /** 0 to 1: of the worst segment. */
  readonly score: number;
  /** By the thresholds of the model. */
  readonly verdict: 'clear' | 'label' | 'block';
}

/** Takes a text in readable form (core/data/inspect.ts, `hear`). Undefined: the model has not looked at it. */
export type ScoreText = (model: ModelName, text: string) => Scored | undefined;

/** Each model is read once, when it is asked for first. */
export function scoresOf(read: (name: ModelName) => Uint8Array): ScoreText {
  const models = new Map<ModelName, Model | undefined>();
  const parsed = (name: ModelName): Model | undefined => {
    try {
      return parseModel(read(name));
    } catch {
      return undefined;
    }
  };
  return (name, text) => {
    if (!models.has(name)) models.set(name, parsed(name));
    const model = models.get(name);
    if (model === undefined) return undefined;
    try {
      const score = model.score(text);
      const { label, block } = model.thresholds;
      return { score, verdict: score >= block ? 'block' : score >= label ? 'label' : 'clear' };
    } catch {
      return undefined;
    }
  };
}
