/**
 * Room: policy (S-1, S-2). Application sets: a customer's own policies over its own types of subjects and resources, asked in AuthZEN's words. A question becomes
 * `principal = <subject type>::"<id>"`, `action = Action::"<name>"`, `resource = <resource type>::"<id>"`; properties become attributes, never over what
 * the set itself says of an entity; the question's context becomes the context, with the action's properties as its attribute `action`. Deny by default;
 * a policy that fails denies.
 */
import type { Evaluation } from '../wire/authzen.ts';
import type { ApplicationDoc } from '../wire/enforcement.ts';
import { compilePolicySet } from './compile.ts';
import { entitiesFromCedarJson, type EntityData, type EntityStore, overlayEntities } from './entities.ts';
import { type AuthorizationAnswer, decideStrict } from './evaluate.ts';
import { isEntityId, isEntityTypeName } from './names.ts';
import { EntityUid, RecordValue, type Value } from './runtime-value.ts';
import { entityUidFromJson, fromArguments } from './values.ts';

export type ApplicationAnswer =
  | ({ readonly ok: true } & AuthorizationAnswer)
  /** The question has no form in which policies could be asked. */
  | { readonly ok: false; readonly problem: string };

export interface Application {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  /** Names of actions that its policies are about, in order. */
  readonly actions: readonly string[];
  ask(question: Evaluation): ApplicationAnswer;
  /** Ids of the entities of one type that the set knows, in order. */
  entities(type: string): readonly string[];
}

export type CompiledApplication =
  | { readonly ok: true; readonly application: Application }
  | { readonly ok: false; readonly problems: readonly string[] };

const actionType = 'Action';
const problemsShown = 20;

/** All or nothing: what cannot be evaluated refuses the whole set. */
export function compileApplication(doc: ApplicationDoc): CompiledApplication {
  const compiled = compilePolicySet(doc.policies);
  const entities = entitiesFromCedarJson(doc.entities);
  if (!compiled.ok || !entities.ok) {
    const problems = [
      ...(compiled.ok ? [] : compiled.problems.map(({ policyId, message }) => `${policyId}: ${message}`)),
      ...(entities.ok ? [] : [`entities: ${entities.problem.message}`]),
    ];
    return { ok: false, problems: problems.slice(0, problemsShown) };
  }
  const { name, version, digest } = doc;
  const known = idsByType(doc.entities);
  return {
    ok: true,
    application: {
      name,
      version,
      digest,
      actions: actionsOf(doc.policies),
      entities: (type) => known.get(type) ?? [],
      ask(question) {
        const asked = requestOf(question, entities.store);
        return 'problem' in asked
          ? { ok: false, problem: asked.problem }
          : { ok: true, ...decideStrict(compiled.set, asked.request, asked.entities) };
      },
    },
  };
}

function idsByType(entities: readonly unknown[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>();
  for (const entity of entities) {
    const uid = entityUidFromJson((entity as { uid?: unknown }).uid);
    if (uid === undefined) continue;
    const ofType = ids.get(uid.type) ?? [];
    ofType.push(uid.id);
    ids.set(uid.type, ofType);
  }
  for (const each of ids.values()) each.sort();
  return ids;
}

/** From their scopes: an action that is named nowhere is permitted by policies about all actions at most, and cannot be listed. */
function actionsOf(policies: ApplicationDoc['policies']): readonly string[] {
  const scopes = policies.map(
    ({ json }) => (json as { action?: { entity?: unknown; entities?: unknown } }).action,
  );
  const named = scopes.flatMap((scope) => [
    scope?.entity,
    ...(Array.isArray(scope?.entities) ? scope.entities : []),
  ]);
  const ids = named.flatMap((entity) => {
    const uid = entityUidFromJson(entity);
    return uid?.type === actionType ? [uid.id] : [];
  });
  return [...new Set(ids)].sort();
}

type Request = Parameters<typeof decideStrict>[1];
type Unasked = { readonly problem: string };

function requestOf(
  { subject, action, resource, context }: Evaluation,
  base: EntityStore,
): { readonly request: Request; readonly entities: EntityStore } | Unasked {
  const principal = uidOf('subject', subject.type, subject.id);
  const verb = uidOf('action', actionType, action.name);
  const object = uidOf('resource', resource.type, resource.id);
  for (const uid of [principal, verb, object]) if ('problem' in uid) return uid;
  const [who, what, where] = [principal, verb, object] as [EntityUid, EntityUid, EntityUid];
  const said = [
    ['subject', who, subject.properties],
    ['resource', where, resource.properties],
  ] as const;
  const own = new Map<string, EntityData>();
  for (const [member, uid, properties] of said) {
    const read = recordOf(member, properties);
    if ('problem' in read) return read;
    const known = own.get(uid.key) ?? base.get(uid.key);
    // What the set says of an entity counts; the one who asks only adds to it.
    const attrs = new RecordValue(new Map([...read.attributes, ...(known?.attrs?.attributes ?? [])]));
    own.set(uid.key, { ...known, uid, attrs });
  }
  const given = recordOf('context', context);
  const ofAction = recordOf('action', action.properties);
  if ('problem' in given) return given;
  if ('problem' in ofAction) return ofAction;
  const attributes = new Map<string, Value>([...given.attributes, ['action', ofAction]]);
  const laid = overlayEntities(base, [...own.values()]);
  if (!laid.ok) return { problem: laid.problem.message };
  return {
    request: { principal: who, action: what, resource: where, context: new RecordValue(attributes) },
    entities: laid.store,
  };
}

function uidOf(member: string, type: string, id: string): EntityUid | Unasked {
  if (!isEntityTypeName(type))
    return { problem: `${member}.type: not a type that policies can name (letters, digits, _ and ::)` };
  return isEntityId(id) ? new EntityUid(type, id) : { problem: `${member}: its id is not well-formed text` };
}

function recordOf(member: string, given: Record<string, unknown> | undefined): RecordValue | Unasked {
  const read = fromArguments(given ?? {}, { nulls: 'absent' });
  return read.ok ? read.value : { problem: `${member}${read.refusal.path}: ${read.refusal.reason}` };
}
