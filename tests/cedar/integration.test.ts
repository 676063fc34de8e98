/**
 * S-1, S-2: Cedar's public integration tests, all of them, against ATF's evaluator and against Cedar's library beside it.
 * The data is not part of the repository: ATF_DATA names its directory, `../shared/data` by default.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAuthorized as cedarIsAuthorized, policySetTextToParts } from '@cedar-policy/cedar-wasm/nodejs';
import { policyTextToJson } from '@atf/control/policy/cedar-text';
import { compilePolicySet } from '@atf/core/policy/compile';
import { entitiesFromCedarJson } from '@atf/core/policy/entities';
import { isAuthorized } from '@atf/core/policy/evaluate';
import { EntityUid } from '@atf/core/policy/runtime-value';
import { recordFromCedarJson } from '@atf/core/policy/values';
import { afterAll, describe, expect, it } from 'vitest';
import { type EntityJson, SchemaReading } from './schema-values.ts';

const dataDirectory = process.env.ATF_DATA ?? join(import.meta.dirname, '../../../shared/data');
const archive = join(dataDirectory, 'cedar/integration-tests.tar.gz');
const available = existsSync(archive);
if (!available)
  console.warn(
    `SKIPPED: Cedar's integration tests are not at ${archive}; set ATF_DATA to the directory of the data`,
  );

interface Uid {
  readonly type: string;
  readonly id: string;
}
interface Case {
  readonly policies: string;
  readonly entities: string;
  readonly schema: string;
  readonly requests: readonly {
    readonly description: string;
    readonly principal: Uid;
    readonly action: Uid;
    readonly resource: Uid;
    readonly context: Record<string, unknown>;
    readonly decision: 'allow' | 'deny';
    readonly reason: readonly string[];
    readonly errors: readonly string[];
  }[];
}

const root = available ? mkdtempSync(join(tmpdir(), 'atf-cedar-')) : '';
if (available) execFileSync('tar', ['-xzf', archive, '-C', root]);
afterAll(() => {
  if (available) rmSync(root, { recursive: true });
});

const caseFiles = (): readonly string[] =>
  readdirSync(join(root, 'tests'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.json'))
    .map((path) => join('tests', path))
    .sort();

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The policies of a text under the positional ids that the tests expect. */
const sources = (text: string): { id: string; json: unknown }[] => {
  const answer = policySetTextToParts(text);
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  const ids = answer.policies.map((_, index) => `policy${index}`).sort();
  return answer.policies.map((policy, index) => {
    const converted = policyTextToJson(policy);
    if (!converted.ok) throw new Error(converted.errors[0]?.message);
    return { id: ids[index] ?? '', json: converted.json };
  });
};

const uid = ({ type, id }: Uid): EntityUid => new EntityUid(type, id);

describe.skipIf(!available)('Cedar integration tests', () => {
  const files = available ? caseFiles() : [];

  it('has found them', () => {
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(files)('%s', (file) => {
    const test = JSON.parse(read(file)) as Case;
    const schema = new SchemaReading(read(test.schema));
    const given = (JSON.parse(read(test.entities)) as EntityJson[]).map((entity) => schema.entity(entity));
    const described = new Set(given.map((entity) => uid(entity.uid).key));
    const declared = schema.actions().filter((entity) => !described.has(uid(entity.uid).key));
    const entitiesJson = [...given, ...declared];
    const policyText = read(test.policies);
    const compiled = compilePolicySet(sources(policyText));
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    const entities = entitiesFromCedarJson(entitiesJson);
    if (!entities.ok) throw new Error(entities.problem.message);
    expect(test.requests.length).toBeGreaterThan(0);
    for (const request of test.requests) {
      const contextJson = schema.context(request.context, request.action);
      const context = recordFromCedarJson(contextJson);
      if (!context.ok) throw new Error(context.refusal.reason);
      const { principal, action, resource } = request;
      const answer = isAuthorized(
        compiled.set,
        { principal: uid(principal), action: uid(action), resource: uid(resource), context: context.value },
        entities.store,
      );
      const given = {
        decision: answer.decision,
        reason: [...answer.reasons].sort(),
        errors: answer.errors.map((error) => error.policyId).sort(),
      };
      const wanted = {
        decision: request.decision,
        reason: [...request.reason].sort(),
        errors: [...request.errors].sort(),
      };
      expect(given, request.description).toEqual(wanted);
      const library = cedarIsAuthorized({
        principal,
        action,
        resource,
        context: contextJson as never,
        policies: { staticPolicies: policyText },
        entities: entitiesJson as never,
      });
      if (library.type === 'failure') throw new Error(library.errors[0]?.message);
      expect(
        { decision: library.response.decision, reason: library.response.diagnostics.reason.sort() },
        'library',
      ).toEqual({
        decision: wanted.decision,
        reason: wanted.reason,
      });
    }
  });
});
