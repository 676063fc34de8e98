/** Names of scopes. Apart from the rest of the room, because browsers need them too. */
import type { Scope } from '../wire/words.ts';

/** The document key of a containment: `kind:id`. */
export function containmentKey(scope: Scope): string {
  return `${scope.kind}:${scope.id}`;
}

/** The id of a version as a scope. Versions of one agent have one content each. */
export function versionScopeId(agentId: string, version: string): string {
  return `${agentId}@${version}`;
}
