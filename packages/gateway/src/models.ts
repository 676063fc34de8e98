/**
 * Room: data (D-2, D-4). The shipped models (docs/models/), as one question: how much does this text look like what a model was trained to find? A score is a label,
 * never a permission. A model that is not there, or that fails, has not looked: nobody throws.
 */
import { type Model, parseModel } from '@atf/core/data/models/linear-model';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type ModelName = 'injection-read' | 'injection-prompt' | 'toxicity';

export interface Scored {
  /** 0 to 1: of the worst segment. */
  readonly score: number;
  /** By the thresholds of the model. */
  readonly verdict: 'clear' | 'label' | 'block';
}

/** Takes a text in readable form (core/data/inspect.ts, `hear`). Undefined: the model has not looked at it. */
export type ScoreText = (model: ModelName, text: string) => Scored | undefined;

/** Scores with the models of a folder. Each file is read once, when it is asked for first. */
export function modelsOf(folder: string): ScoreText {
  const models = new Map<ModelName, Model | undefined>();
  const read = (name: ModelName): Model | undefined => {
    try {
      return parseModel(readFileSync(join(folder, `${name}.bin`)));
    } catch {
      return undefined;
    }
  };
  return (name, text) => {
    if (!models.has(name)) models.set(name, read(name));
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

export const scoreText: ScoreText = modelsOf(join(import.meta.dirname, '../models'));

/** The worst of several texts, one after the other: what an inspection hears (core/data/inspect.ts). */
export class WorstScore {
  readonly #model: ModelName;
  readonly #score: ScoreText;
  #worst: Scored = { score: 0, verdict: 'clear' };
  #unchecked = false;

  constructor(model: ModelName, score: ScoreText = scoreText) {
    this.#model = model;
    this.#score = score;
  }

  readonly hear = (text: string): void => {
    const scored = this.#score(this.#model, text);
    if (scored === undefined) this.#unchecked = true;
    else if (scored.score > this.#worst.score) this.#worst = scored;
  };

  get worst(): Scored {
    return this.#worst;
  }

  /** Some of it the model has not looked at. */
  get unchecked(): boolean {
    return this.#unchecked;
  }
}
