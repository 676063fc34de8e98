/**
 * What records say of an agent or a tool, as one document for as long as they say the same: so that what a decision works out from a document once counts for the
 * next record too. The content is the key, and what its digest leads to must be the very same object; nothing else is taken for it. Pure, bounded.
 */
import { RecentMap } from './policy/remembered-answers.ts';
import type { CalledTool } from './segmentation/chosen-index.ts';
import type { AgentDoc } from './wire/feed.ts';

interface Kept<Doc> {
  /** What the digest led to when the document was made. */
  readonly of: object;
  readonly doc: Doc;
}

class Documents<Doc> {
  readonly #kept: RecentMap<string, Kept<Doc>>;

  constructor(max: number) {
    this.#kept = new RecentMap(max);
  }

  /** `said`: everything of the document beside what follows from `of`. */
  one(said: object, of: object, make: () => Doc): Doc {
    const key = JSON.stringify(said);
    const known = this.#kept.get(key);
    if (known?.of === of) return known.doc;
    const doc = make();
    this.#kept.set(key, { of, doc });
    return doc;
  }
}

/** A fleet of 10,000; documents of about a kilobyte. */
const documentsMax = 16_384;

export class ReplayedDocuments {
  readonly agents = new Documents<AgentDoc>(documentsMax);
  readonly tools = new Documents<CalledTool>(documentsMax);
}
