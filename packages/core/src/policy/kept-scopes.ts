/**
 * Room: policy (S-1, S-2). Which policies of one set are about an agent at a level and a tool, kept for the next question about the same two: it depends on the set and
 * on the two entities alone. An entity follows from one document, so a new document is another entity, whatever changed in it and whoever forgot to raise an epoch; another
 * set has a memory of its own. Conditions are evaluated in every question.
 */
import type { CompiledPolicySet } from './compile.ts';
import { type Entity, EntityStore } from './entities.ts';
import { type AskedScope, scopeOf } from './evaluate.ts';
import { RecentMap } from './remembered-answers.ts';
import type { EntityUid } from './runtime-value.ts';

/** A part of a question as the evaluator sees it. No two parts ever have the same number. */
export interface Part<Seen> {
  readonly seen: Seen;
  readonly number: number;
}

let parts = 0;
export const partOf = <Seen>(seen: Seen): Part<Seen> => ({ seen, number: ++parts });

/** Scopes of one set that are kept: half a kilobyte each. */
const scopesMax = 16_384;

/** An odd number without a pattern. */
const spread = 0x9e3779b1;

export class KeptScopes {
  readonly #set: CompiledPolicySet;
  readonly #base: EntityStore;
  readonly #kept: RecentMap<number, AskedScope>;

  /** `base`: the entities that every question sees. */
  constructor(set: CompiledPolicySet, base: EntityStore, max = scopesMax) {
    this.#set = set;
    this.#base = base;
    this.#kept = new RecentMap(max);
  }

  of({ seen: agent, number }: Part<Entity>, action: EntityUid, tool: Part<Entity>): AskedScope {
    // Two pairs may have one place, so what stands there is compared.
    const place = Math.imul(number, spread) ^ tool.number;
    const known = this.#kept.get(place);
    if (known?.principalEntity === agent && known.resourceEntity === tool.seen && known.action === action)
      return known;
    const own = new Map([
      [agent.uid.key, agent],
      [tool.seen.uid.key, tool.seen],
    ]);
    const request = { principal: agent.uid, action, resource: tool.seen.uid };
    const scope = scopeOf(this.#set, request, new EntityStore(own, this.#base));
    this.#kept.set(place, scope);
    return scope;
  }
}
