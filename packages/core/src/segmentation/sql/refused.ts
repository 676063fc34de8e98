/** Room: segmentation (S-1). Why a statement is not governed: thrown while its tree is walked, and never further than `statement.ts`. */
import type { QueryFact } from '../../wire/database.ts';

export type RefusedQuery = Extract<QueryFact, { verdict: 'refused' }>;

export class NotGoverned extends Error {
  readonly fact: RefusedQuery;

  /** `problem`: one sentence without literals of the statement. */
  constructor(problem: string, code: RefusedQuery['code'] = 'segmentation.query_not_governed') {
    super(problem);
    this.fact = { verdict: 'refused', code, problem: problem.slice(0, 300) };
  }
}

export const unreadable = (problem: string): RefusedQuery =>
  new NotGoverned(problem, 'segmentation.query_unreadable').fact;
