/** Names of scopes. Apart from the rest of the room, because browsers need them too. */
import { digestSchema, type Scope, toolScopePattern, uuidSchema } from '../wire/words.ts';

const toolScopeLengthMax = 330;

/** The document key of a containment: `kind:id`. */
export function containmentKey(scope: Scope): string {
  return `${scope.kind}:${scope.id}`;
}

/** The id of a version as a scope. Versions of one agent have one content each. */
export function versionScopeId(agentId: string, version: string): string {
  return `${agentId}@${version}`;
}

/**
 * Whether these words can name anything of their kind. Nobody may believe that a stop stops something when it never could. Agents may be named where
 * their ids are looked up later, also in a version.
 */
export function canName({ kind, id }: Scope): boolean {
  switch (kind) {
    case 'fleet':
    case 'agent':
      return true;
    case 'tool':
      return id.length <= toolScopeLengthMax && toolScopePattern.test(id);
    case 'owner':
    case 'session':
      return uuidSchema.safeParse(id).success;
    case 'purpose':
      return digestSchema.safeParse(id).success;
    case 'version':
      return /^[^@]+@./.test(id);
  }
}
