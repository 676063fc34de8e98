/** Room: data (D-2, D-4). The shipped models (core/data/models/shipped.ts) at the gateway. */
import {
  type ModelName,
  modelsFolder,
  type Scored,
  scoresOf,
  type ScoreText,
} from '@atf/core/data/models/shipped';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Scores with the models of a folder. Each file is read once, when it is asked for first. */
export const modelsOf = (folder: string): ScoreText =>
  scoresOf((name) => readFileSync(join(folder, `${name}.bin`)));

export const scoreText: ScoreText = modelsOf(fileURLToPath(modelsFolder));

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
