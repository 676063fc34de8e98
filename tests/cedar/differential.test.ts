/**
 * S-1, S-2: ATF's evaluator against Cedar's own library on random policies, entities and requests. Every run draws a new
 * seed and prints it; `ATF_SEED=<seed>` repeats a run, `ATF_CEDAR_WORLDS=<count>` makes it longer or shorter.
 */
import { randomInt } from 'node:crypto';
import {
  type AuthorizationCall,
  preparsePolicySet,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import { policyTextToJson } from '@atf/control/policy/cedar-text';
import { type CompiledPolicySet, compilePolicySet } from '@atf/core/policy/compile';
import { type EntityData, EntityStore, buildEntityStore, overlayEntities } from '@atf/core/policy/entities';
import { type AuthorizationAnswer, decideStrict, isAuthorized } from '@atf/core/policy/evaluate';
import { EntityUid } from '@atf/core/policy/runtime-value';
import { recordFromCedarJson } from '@atf/core/policy/values';
import { expect, it } from 'vitest';
import { type EntityJson, Generator, type Request, type Uid, type World } from './generate.ts';
import { Random } from './random.ts';

const seed = Number(process.env.ATF_SEED ?? randomInt(2 ** 32));
const WORLDS = Number(process.env.ATF_CEDAR_WORLDS ?? 510);
const POLICIES_PER_WORLD = 12;
const REQUESTS_PER_WORLD = 40;
const COMPARISONS_MIN = 20_000;

const uid = ({ type, id }: Uid): EntityUid => new EntityUid(type, id);

const record = (json: unknown) => {
  const result = recordFromCedarJson(json);
  if (!result.ok) throw new Error(`${result.refusal.reason} at ${result.refusal.path}`);
  return result.value;
};

const entityData = (json: EntityJson): EntityData => ({
  uid: uid(json.uid),
  attrs: record(json.attrs),
  tags: record(json.tags),
  parents: json.parents.map(uid),
});

const compileWorld = (world: World): CompiledPolicySet => {
  const sources = world.policies.map(({ id, text }) => {
    const converted = policyTextToJson(text);
    if (!converted.ok) throw new Error(`${converted.errors[0]?.message}\n${text}`);
    // What control sends to gateways is JSON text, so nothing may depend on more than that.
    return { id, json: JSON.parse(JSON.stringify(converted.json)) as unknown };
  });
  const compiled = compilePolicySet(sources);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.set;
};

const storeOf = (entities: readonly EntityData[], random: Random): EntityStore => {
  // The same entities, sometimes as one store, sometimes with a part laid over the rest: it must not matter.
  const overlaid = random.chance(0.4) ? new Set(random.some(entities, 0.3)) : new Set<EntityData>();
  const base = buildEntityStore(entities.filter((entity) => !overlaid.has(entity)));
  if (!base.ok) throw new Error(base.problem.message);
  if (overlaid.size === 0) return base.store;
  const store = overlayEntities(base.store, [...overlaid]);
  if (!store.ok) throw new Error(store.problem.message);
  return store.store;
};

const plain = (answer: AuthorizationAnswer) => ({
  decision: answer.decision,
  reasons: [...answer.reasons].sort(),
  errors: answer.errors.map((error) => error.policyId).sort(),
});

const askLibrary = (request: Request, entities: readonly EntityJson[]) => {
  const call = { ...request, entities, preparsedPolicySetId: 'world' } as unknown as AuthorizationCall & {
    preparsedPolicySetId: string;
  };
  const answer = statefulIsAuthorized(call);
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    reasons: diagnostics.reason.sort(),
    errors: diagnostics.errors.map((error) => error.policyId).sort(),
  };
};

it('agrees with Cedar on random policies', { timeout: 600_000 }, () => {
  console.log(`ATF_SEED=${seed}`);
  const random = new Random(seed);
  const generator = new Generator(random);
  const seen = { comparisons: 0, allow: 0, reasons: 0, errors: 0 };
  for (let worldNumber = 0; worldNumber < WORLDS; worldNumber++) {
    const world = generator.world(POLICIES_PER_WORLD);
    const staticPolicies = Object.fromEntries(world.policies.map(({ id, text }) => [id, text]));
    const parsed = preparsePolicySet('world', { staticPolicies });
    if (parsed.type === 'failure') throw new Error(parsed.errors.map((error) => error.message).join('; '));
    const set = compileWorld(world);
    const entities = world.entities.map(entityData);
    const store = storeOf(entities, random);
    for (let count = 0; count < REQUESTS_PER_WORLD; count++) {
      const request = generator.request();
      const [principal, action, resource] = [
        uid(request.principal),
        uid(request.action),
        uid(request.resource),
      ];
      const ours = isAuthorized(
        set,
        { principal, action, resource, context: record(request.context) },
        store,
      );
      const theirs = askLibrary(request, world.entities);
      seen.comparisons += 1;
      seen.allow += theirs.decision === 'allow' ? 1 : 0;
      seen.reasons += theirs.reasons.length;
      seen.errors += theirs.errors.length;
      if (JSON.stringify(plain(ours)) !== JSON.stringify(theirs)) {
        const differing = world.policies.filter(
          ({ id }) =>
            JSON.stringify([
              ours.reasons.includes(id),
              ours.errors.some((error) => error.policyId === id),
            ]) !== JSON.stringify([theirs.reasons.includes(id), theirs.errors.includes(id)]),
        );
        const detail = JSON.stringify({ seed, worldNumber, request, messages: ours.errors }, null, 1);
        expect(
          plain(ours),
          `${differing.map(({ id, text }) => `${id}: ${text}`).join('\n')}\n${detail}`,
        ).toEqual(theirs);
      }
      const strict = decideStrict(
        set,
        { principal, action, resource, context: record(request.context) },
        store,
      );
      expect(strict.decision).toBe(theirs.errors.length > 0 ? 'deny' : theirs.decision);
    }
  }
  console.log(`Cedar differential: ${JSON.stringify(seen)}`);
  if (process.env.ATF_CEDAR_WORLDS === undefined)
    expect(seen.comparisons).toBeGreaterThanOrEqual(COMPARISONS_MIN);
  // A generator that only makes denials or only errors would prove nothing.
  expect(seen.allow).toBeGreaterThan(seen.comparisons / 10);
  expect(seen.reasons).toBeGreaterThan(seen.comparisons / 2);
  expect(seen.errors).toBeGreaterThan(seen.comparisons / 2);
});
