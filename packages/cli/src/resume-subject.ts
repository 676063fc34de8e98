/**
 * What a person confirms when something is resumed: the scope, and a digest that binds the confirmation to the ceiling that was
 * chosen, so that a presence given for "as Intern" cannot lift a stop without a ceiling.
 */
import { containmentKey } from '@atf/core/incident/containment';
import type { PresenceSubject } from '@atf/core/wire/api';
import { canonicalJson } from '@atf/core/wire/json';
import type { Level, Scope } from '@atf/core/wire/words';
import { sha256 } from '@atf/core/digest';

export function resumeSubject(scope: Scope, ceiling: Level | undefined): PresenceSubject {
  const shown = canonicalJson({ scope: { ...scope }, ...(ceiling === undefined ? {} : { ceiling }) });
  return { kind: 'resume', id: containmentKey(scope), digest: sha256(shown) };
}
