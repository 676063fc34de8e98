/**
 * Decisions in plain words: what `atf action show` and the page of an action say, through `decide()` and the policies as they are checked in. `ATF_GOLDEN=write` writes it
 * anew; a changed sentence is for a reviewer to read.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, readPolicyFiles } from '@atf/control/policy/files';
import { decide } from '@atf/core/decide';
import {
  agentDoc,
  approvalFor,
  instanceDoc,
  manifestDigest,
  receivedOf,
  recordOf,
  toolDoc,
  uuid,
  worldOf,
} from '@atf/core/decide.fixture';
import { decisionSentences } from '@atf/core/decision-words';
import { policyFacts } from '@atf/core/policy/question';
import type { DecisionRecord } from '@atf/core/record';
import { saidBy } from '@atf/core/segmentation/provenance/origin-sentences';
import { whatIf, whatIfSentences } from '@atf/core/what-if';
import type { PolicyFacts, Received, World } from '@atf/core/world';
import { afterAll, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const golden = join(here, 'words.txt');
const cedar = new Cedar();
afterAll(() => cedar.close());

const since = '2026-11-22T06:00:00.000Z';
const { credential } = receivedOf();
const ofClass = (action: 'read' | 'write' | 'send' | undefined) => ({
  ...toolDoc,
  classification: { ...toolDoc.classification, class: action, arguments: {} },
});
const address = { argument: '/to', role: 'destination', address: true } as const;
const asked = { assurance: 'person', intent: 'stated' } as const;
const free = { ...agentDoc, limits: [] };
const mail = { tool: ofClass('send'), agent: { ...free, level: 'principal' } } as const;
const read = {
  confidentiality: 'confidential',
  integrity: 'untrusted',
  private: ['crm/get_customer'],
  untrusted: ['web/fetch'],
} as const;
const total = { id: 'total:amount:day', of: 'amount', per: 'day', max: 50_000, currency: 'EUR' } as const;
const rate = { id: 'rate:agent', max: 5, perSeconds: 60, retryAfterMs: 7_000 };
const root = { ...agentDoc, id: uuid(21), name: 'junior-root', level: 'junior' } as const;
const link = {
  agentId: root.id,
  instanceId: uuid(22),
  sid: uuid(23),
  manifestDigest,
  credentialEpoch: root.credentialEpoch,
};
const below = {
  credential: { ...credential, chain: { delegationId: uuid(24), callsMax: 10, links: [link] } },
};
const cascade = {
  id: 'calls:task:cascade',
  agentId: root.id,
  of: 'calls',
  per: 'task',
  max: 10,
  ok: true,
  left: 4,
} as const;
const above = [{ agent: root, instance: { ...instanceDoc, agentId: root.id }, sessionRevoked: false }];

const cases: readonly (readonly [string, Partial<World>, Partial<Received>?])[] = [
  ['a read that the level allows', { tool: ofClass('read'), agent: free }],
  ['a write of a Senior, with a limit and a total', { totals: [{ ...total, ok: true, left: 12_000 }] }],
  ['a write of a Junior', { agent: { ...agentDoc, level: 'junior' } }],
  ['a write of an Intern', { agent: { ...agentDoc, level: 'intern' } }],
  ['a Senior under a ceiling', { agent: { ...agentDoc, ceiling: 'junior' } }],
  ['a Senior without proof of its key', {}, { credential: { ...credential, proof: 'none' } }],
  [
    'an approved write of a Junior',
    { agent: { ...agentDoc, level: 'junior' }, approval: approvalFor(receivedOf()) },
  ],
  ['a mail that the task asks for', { ...mail, task: asked, provenance: [{ ...address, origin: 'task' }] }],
  [
    'a mail to an address out of a web page',
    { ...mail, task: asked, provenance: [{ ...address, origin: 'untrusted', from: 'web/fetch' }] },
  ],
  [
    'a mail that only the agent above speaks of',
    {
      ...mail,
      task: { assurance: 'person', intent: 'silent' },
      provenance: [{ ...address, origin: 'untrusted', from: saidBy('junior-root') }],
    },
  ],
  ['a mail after reading what is private and what is not trusted', { ...mail, flow: read }],
  ['a tool that nobody has classified', { tool: ofClass(undefined), agent: free }],
  ['a tool that is not on its list', { agent: { ...agentDoc, tools: [] } }],
  ['a tool of another domain', { agent: { ...agentDoc, dataDomains: ['other'] } }],
  ['a rate that is spent', { limits: [{ ...rate, ok: false }] }],
  ['a total that is spent', { totals: [{ ...total, ok: false, left: 0, retryAfterMs: 9_000 }] }],
  [
    'a stopped agent',
    {
      containments: [
        { scope: { kind: 'agent', id: agentDoc.id }, state: 'killed', since, reason: '', by: '' },
      ],
    },
  ],
  ['a stale feed', { feedFresh: false }],
  ['an unknown tool', { tool: undefined }],
  [
    'a secret in the arguments',
    { detectors: [{ detector: 'secrets', version: '1', verdict: 'block', labels: ['aws_key'] }] },
  ],
  ['work for a Junior', { above, totals: [cascade] }, below],
  [
    'work for an agent that may not use the tool',
    { above: above.map((each) => ({ ...each, agent: { ...root, tools: [] } })) },
    below,
  ],
  ['a judge that does not see what it is for', { judged: { verdict: 'disagrees', unanswered: 'ask' } }],
];

function told(policy: PolicyFacts, [name, world, received]: (typeof cases)[number]): string[] {
  const [call, known] = [receivedOf(received), worldOf({ policy, ...world })];
  const decision = decide(call, known);
  const record = recordOf(call, known) as unknown as DecisionRecord;
  return [
    `# ${name}`,
    ...decisionSentences(record),
    '→',
    ...whatIfSentences(whatIf(call, known, decision), decision.outcome),
    '',
  ];
}

it('says of each decision who, what, at which level, what decided it, and what would have changed it', async () => {
  const result = await compileFiles(cedar, await readPolicyFiles(join(here, '../../policies')));
  if (!result.ok) throw new Error(result.problems.join('\n'));
  const policy = policyFacts(result.set.compiled, result.set.digest, 1);
  const lines = cases.flatMap((each) => told(policy, each));
  const text = `${lines.join('\n')}`;
  if (process.env['ATF_GOLDEN'] === 'write') writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

it('says nothing of the values of a call', () => {
  const secret = 'nightingale';
  const call = receivedOf({ args: { to: secret, amount: 77_777 } });
  const world = worldOf({
    task: asked,
    provenance: [{ ...address, origin: 'untrusted', from: 'web/fetch' }],
  });
  const record = recordOf(call, world) as unknown as DecisionRecord;
  const all = [
    ...decisionSentences(record),
    ...whatIfSentences(whatIf(call, world, decide(call, world)), 'allow'),
  ];
  expect(all.join('\n')).not.toMatch(/nightingale|77.?777/u);
});

it('says what it can of a record of before there were facts', () => {
  const { facts: _, ...record } = recordOf(receivedOf(), worldOf());
  expect(decisionSentences(record as unknown as DecisionRecord)[0]).toBe(
    'senior-support 1.0.0 asked for back-office/refund_order, over MCP.',
  );
});
