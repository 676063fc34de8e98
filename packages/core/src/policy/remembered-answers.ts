/**
 * Room: policy (S-1, S-2). Answers of one policy set to questions about low-risk reads, kept for when the very same question comes again. A question is known by
 * what the evaluator sees of it: the agent as a document at a level, the tool as a document, and the context. A new document is another question, whatever changed in it
 * and whoever forgot to raise an epoch; another set has a memory of its own. Stops, credentials, limits, schemas and where values come from are no part of a
 * question to policies, and are looked at in every call.
 */
import type { PolicyAnswer, PolicyQuestion } from '../world.ts';

/** Keeps the last `max` entries at least, and twice as many at most. */
export class RecentMap<Key, Value extends object> {
  readonly #max: number;
  #young = new Map<Key, Value>();
  #old: ReadonlyMap<Key, Value> = new Map();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}

/** Questions about low-risk reads that were answered from memory, and those that policies were asked about. */
export interface AnswerCounts {
  remembered: number;
  evaluated: number;
}

/** Answers that one gateway keeps. */
export const answersMax = 10_000;

/** What may be remembered: reading what is neither confidential nor behind a query or a human checkpoint. */
export const isLowRisk = ({ action, tool: { classification }, context }: PolicyQuestion): boolean =>
  action === 'read' &&
  (classification.sensitivity === 'public' || classification.sensitivity === 'internal') &&
  classification.arguments.sql === undefined &&
  !context.humanCheckpoint;

export class RememberedAnswers {
  readonly counts: AnswerCounts;
  readonly #answers: RecentMap<string, PolicyAnswer>;

  constructor(counts: AnswerCounts, max = answersMax) {
    this.counts = counts;
    this.#answers = new RecentMap(max);
  }

  /** The answer to a question of this key: kept, or made now. */
  answer(key: string, ask: () => PolicyAnswer): PolicyAnswer {
    const known = this.#answers.get(key);
    if (known !== undefined) {
      this.counts.remembered += 1;
      return known;
    }
    this.counts.evaluated += 1;
    const answer = ask();
    this.#answers.set(key, answer);
    return answer;
  }
}
