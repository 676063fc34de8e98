/**
 * The golden authority grid: level × class × kind of tool × proof × labels of the session × approval, through `decide()` and the policies as they are checked in.
 * And what an agent reads from an index, by what it has read from before. A change of policy that changes one cell changes this file, so that a reviewer sees it. `ATF_GOLDEN=write` writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, readPolicyFiles } from '@atf/control/policy/files';
import { decide } from '@atf/core/decide';
import { agentDoc, approvalFor, receivedOf, toolDoc, worldOf } from '@atf/core/decide.fixture';
import { type FlowFact, noFlow } from '@atf/core/segmentation/flow';
import { asRetrieved, trustedFromDefault, unknownIndex } from '@atf/core/segmentation/retrieval';
import { policyFacts } from '@atf/core/policy/question';
import type { SourceDoc } from '@atf/core/wire/retrieval';
import { actionClasses, type ActionClass, type Level, levels, type Sensitivity } from '@atf/core/wire/words';
import type { Decision, PolicyFacts, World } from '@atf/core/world';
import { afterAll, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const golden = join(here, 'levels.txt');
const cedar = new Cedar();
afterAll(() => cedar.close());

interface Cell {
  readonly level: Level;
  readonly action: ActionClass;
  readonly safe: boolean;
  readonly proof: 'dpop' | 'none';
  readonly approved: boolean;
  readonly read: Read;
}

/** What the session has read before. */
const reads = {
  nothing: noFlow,
  untrusted: { ...noFlow, integrity: 'untrusted', untrusted: ['web/fetch'] },
  private: { ...noFlow, confidentiality: 'confidential', private: ['crm/customer'] },
  'private, untrusted': {
    confidentiality: 'confidential',
    integrity: 'untrusted',
    private: ['crm/customer'],
    untrusted: ['web/fetch'],
  },
} as const satisfies Record<string, FlowFact>;
type Read = keyof typeof reads;

const wordsOf = ({ outcome, refusal, policies, obligations }: Decision): string =>
  [outcome, refusal?.code ?? '-', policies.join(',') || '-', obligations.join(',') || '-'].join(' | ');

/** A search in the index hr, which holds what is confidential, after what has been read from other indexes. */
const retrievals: Readonly<
  Record<
    string,
    { more?: Partial<World>; sensitivity?: Sensitivity; trust?: number; blended?: readonly string[] }
  >
> = {
  'nothing yet': {},
  'the same index': { more: { flow: { ...reads.private, indexes: ['hr'] } } },
  'another index': { more: { flow: { ...noFlow, indexes: ['docs'] } } },
  'another index, granted': { more: { flow: { ...noFlow, indexes: ['docs'] } }, blended: ['docs', 'hr'] },
  'two others, one granted': {
    more: { flow: { ...noFlow, indexes: ['docs', 'law'] } },
    blended: ['docs', 'hr'],
  },
  'indexes of before a restore': {
    more: { flow: { ...noFlow, indexes: [unknownIndex] } },
    blended: ['docs', 'hr'],
  },
  'nothing yet, doubted': { trust: trustedFromDefault - 1 },
  'nothing yet, classified above the index': { sensitivity: 'restricted' },
};

function retrievalOf(policy: PolicyFacts, level: Level, name: string): string {
  const { more, sensitivity = 'confidential', trust = 100, blended } = retrievals[name] ?? {};
  const source: SourceDoc = {
    ...{ index: 'hr', confidentiality: 'confidential', integrity: 'trusted', categories: [] },
    trust,
  };
  const { classification } = toolDoc;
  const search = { ...classification, class: 'read', sensitivity, outputTrust: 'trusted' } as const;
  const tool = { ...toolDoc, classification: search, sources: [source] };
  const read = asRetrieved(tool, {}, [tool], trustedFromDefault);
  const grant = {
    id: approvalFor(receivedOf()).id,
    since: '1970-01-01T00:00:00Z',
    until: '1970-01-02T00:00:00Z',
  };
  const blends = blended && [{ ...grant, indexes: [...blended], manifestDigest: agentDoc.manifestDigest }];
  const agent = { ...agentDoc, level, ...(blends === undefined ? {} : { blends }) };
  const decision = decide(receivedOf(), worldOf({ agent, tool: read, policy, ...more }));
  return `${wordsOf(decision)} | ${read.classification.outputTrust}`;
}

function decisionOf(policy: PolicyFacts, { level, action, safe, proof, approved, read }: Cell): string {
  const received = receivedOf();
  const tool = {
    ...toolDoc,
    classification: {
      ...toolDoc.classification,
      class: action,
      writeSafe: safe,
      reversible: safe,
      idempotent: safe,
    },
  };
  const decision = decide(
    { ...received, credential: { ...received.credential, proof } },
    worldOf({
      agent: { ...agentDoc, level },
      tool,
      policy,
      flow: reads[read],
      approval: approved ? approvalFor(received) : undefined,
    }),
  );
  return wordsOf(decision);
}

it('the grid is the one that was reviewed', async () => {
  const result = await compileFiles(cedar, await readPolicyFiles(join(here, '../../policies')));
  if (!result.ok) throw new Error(result.problems.join('\n'));
  expect(result.set.warnings).toEqual([]);
  const policy = policyFacts(result.set.compiled, result.set.digest, 1);
  const lines = [
    'level | class | tool | proof | read before | approval held | outcome | code | determining policies | obligations',
  ];
  for (const level of levels) {
    for (const action of actionClasses) {
      for (const safe of [false, true]) {
        for (const proof of ['dpop', 'none'] as const) {
          // Without proof of the key what was read decides nothing more.
          for (const read of proof === 'none' ? (['nothing'] as const) : (Object.keys(reads) as Read[])) {
            for (const approved of [false, true]) {
              const cell: Cell = { level, action, safe, proof, approved, read };
              lines.push(
                [
                  level,
                  action,
                  safe ? 'write-safe' : 'plain',
                  proof,
                  read,
                  approved ? 'yes' : 'no',
                  decisionOf(policy, cell),
                ].join(' | '),
              );
            }
          }
        }
      }
    }
  }
  lines.push(
    'level | read from an index after | outcome | code | determining policies | obligations | the session then counts as',
  );
  for (const level of levels)
    for (const name of Object.keys(retrievals))
      lines.push(`${level} | ${name} | ${retrievalOf(policy, level, name)}`);
  const text = `${lines.join('\n')}\n`;
  if (process.env['ATF_GOLDEN'] === 'write') writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});
