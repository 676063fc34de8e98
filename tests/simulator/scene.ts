/** Who and what takes part: agents of every level, tools of every class, the policies as they are checked in. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, readPolicyFiles } from '@atf/control/policy/files';
import { sha256 } from '@atf/core/digest';
import type { DecidingManifest } from '@atf/core/replay';
import { definitionDigest } from '@atf/core/segmentation/definition';
import type {
  AgentDoc,
  Classification,
  PolicyDoc,
  ServerDoc,
  SettingsDoc,
  ToolDoc,
} from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { ActionClass, Level } from '@atf/core/wire/words';
import type { Random } from './random.ts';

export const tenant = 'main';
export const origin = 'atf.test/log/simulated';
const here = dirname(fileURLToPath(import.meta.url));

/** Sets that people put in force in turn: as checked in, and with one more forbid. */
export interface Policies {
  readonly sets: readonly Omit<PolicyDoc, 'epoch'>[];
  readonly settings: SettingsDoc;
}

const freeze = `@id("simulated.no_mail") @requirement("S-2") forbid (principal, action == ATF::Action::"send", resource);\n`;

/** Compiles the policies once for all runs. */
export async function loadPolicies(): Promise<Policies> {
  const cedar = new Cedar();
  try {
    const given = await readPolicyFiles(join(here, '../../policies'));
    const stricter = { files: [...given.files, { name: 'simulated.cedar', text: freeze }] };
    const sets: Omit<PolicyDoc, 'epoch'>[] = [];
    let figures: Omit<SettingsDoc, 'tenant' | 'issuer' | 'trustDomain'> | undefined;
    for (const files of [given, stricter]) {
      const compiled = await compileFiles(cedar, files);
      if (!compiled.ok) throw new Error(compiled.problems.join('\n'));
      sets.push({ digest: compiled.set.digest, policies: [...compiled.set.policies] });
      figures = compiled.set.settings;
    }
    if (figures === undefined) throw new Error('no settings');
    return {
      sets,
      settings: {
        ...figures,
        tenant,
        issuer: 'http://control.test',
        trustDomain: 'atf.test',
        upstreamTimeoutMs: 900,
        callsDefault: {
          intern: { max: 3, perSeconds: 2 },
          junior: { max: 5, perSeconds: 2 },
          senior: { max: 9, perSeconds: 2 },
          principal: { max: 60, perSeconds: 2 },
        },
      },
    };
  } finally {
    await cedar.close();
  }
}

/** What tools hand out: one of them what is private, two what anybody may have written. */
const handsOut: Readonly<Record<string, Pick<Classification, 'sensitivity' | 'outputTrust'>>> = {
  read_order: { sensitivity: 'confidential', outputTrust: 'trusted' },
  search: { sensitivity: 'internal', outputTrust: 'untrusted' },
  run_job: { sensitivity: 'internal', outputTrust: 'untrusted' },
};

/** To which desk: the argument of a tool that decides where it acts, or on what. */
const desk = { type: 'string' };
const deskRoles: Readonly<Record<string, Classification['arguments']>> = {
  send_mail: { destination: 'desk' },
  run_job: { object: 'desk' },
};
const deskPattern = /\bdesk[a-j]+\b/g;
const mailPattern = /\b[a-z]+@[a-z]+\.example\b/g;
const sumPattern = /\b\d+\.\d{2}\b/g;

/** The desk that a person names in a task, and that an agent names to whom it delegates. */
export const taskDesk = 'deskaaaa';
export const delegatedDesk = 'deskbbbb';
export const hasDesk = (tool: string): boolean => Object.hasOwn(deskRoles, tool);

export const newDesk = (random: Random): string =>
  `desk${String(random.int(100_000, 999_999)).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')}`;

/** What a tool has to say: a desk, and a sum that no agent would come upon by itself. */
export const newText = (random: Random): string =>
  `done; ${newDesk(random)} is owed ${random.int(1, refundMax)}.${random.int(11, 98)} EUR`;

export interface Heard {
  readonly desks: readonly string[];
  readonly sums: readonly number[];
}

/** What a text says of where, and of how much. */
export const heardIn = (text: string): Heard => ({
  desks: text.match(deskPattern) ?? [],
  sums: (text.match(sumPattern) ?? []).map(Number),
});

/** Mail addresses of a text. */
export const mailsIn = (text: string): string[] => text.match(mailPattern) ?? [];

interface ToolPlan {
  readonly server: string;
  readonly name: string;
  readonly class: ActionClass | undefined;
  readonly safe: boolean;
  readonly amount: boolean;
}

const plans: readonly ToolPlan[] = [
  { server: 'office', name: 'read_order', class: 'read', safe: false, amount: false },
  { server: 'office', name: 'refund_order', class: 'write', safe: true, amount: true },
  { server: 'office', name: 'send_mail', class: 'send', safe: false, amount: false },
  { server: 'office', name: 'mystery', class: undefined, safe: false, amount: false },
  { server: 'wiki', name: 'search', class: 'read', safe: false, amount: false },
  { server: 'wiki', name: 'edit_page', class: 'write', safe: false, amount: false },
  { server: 'wiki', name: 'run_job', class: 'execute', safe: true, amount: false },
];

export const toolNames: readonly (readonly [string, string])[] = plans.map(({ server, name }) => [
  server,
  name,
]);

export function definitionOf(server: string, name: string, revision: number): JsonObject {
  const plan = plans.find((each) => each.server === server && each.name === name);
  const properties =
    plan?.amount === true
      ? { n: { type: 'integer' }, amount: { type: 'number' }, currency: { type: 'string' } }
      : { n: { type: 'integer' }, ...(hasDesk(name) ? { desk } : {}) };
  return {
    name,
    description: `${name} of ${server}, revision ${revision}`,
    inputSchema: { type: 'object', properties, required: ['n'], additionalProperties: false },
    ...(name.startsWith('re')
      ? { outputSchema: { type: 'object', properties: { done: { type: 'boolean' } }, required: ['done'] } }
      : {}),
  };
}

function classificationOf({ name, class: kind, safe, amount }: ToolPlan): Classification {
  return {
    ...(kind === undefined ? {} : { class: kind }),
    ...(handsOut[name] ?? { sensitivity: 'internal', outputTrust: 'trusted' }),
    domain: 'support',
    reversible: safe,
    idempotent: false,
    writeSafe: safe,
    arguments: amount ? { amount: 'amount', currency: 'currency' } : (deskRoles[name] ?? {}),
    by: 'person',
  };
}

export function firstTools(): ToolDoc[] {
  return plans.map((plan) => {
    const definition = definitionOf(plan.server, plan.name, 1);
    const { server, name } = plan;
    return {
      server,
      name,
      state: 'active',
      definition,
      definitionDigest: definitionDigest(definition),
      classification: classificationOf(plan),
      epoch: 1,
    };
  });
}

export const firstServers: readonly ServerDoc[] = [
  {
    name: 'office',
    transport: { kind: 'stdio' },
    domain: 'support',
    outputTrust: 'untrusted',
    stateless: false,
    epoch: 1,
  },
  {
    name: 'wiki',
    transport: { kind: 'http', url: 'http://wiki.test/mcp' },
    domain: 'support',
    outputTrust: 'untrusted',
    stateless: true,
    epoch: 1,
  },
];

/** Calls of everybody below the session of one root. */
export const cascadeCalls = 2;

/** What each agent may refund in all, in EUR, and at one time; how often it may search. Nothing of it comes back within a run. */
export const refunds = 'office/refund_order';
/** One refund, as manifests say; and as a Principal may negotiate it. */
export const refundMax = 100;
export const refundWidened = 125;
export const refundTotal = 150;
export const refundsAtOnce = 2;
export const searchTotal = 6;

const ladder: readonly Level[] = ['intern', 'junior', 'senior', 'senior', 'principal'];

export interface FirstAgent {
  readonly doc: AgentDoc;
  readonly manifest: DecidingManifest;
}

export function firstAgents(random: Random): FirstAgent[] {
  const people = [random.uuid(), random.uuid(), random.uuid()] as const;
  return ladder.map((level, i) => {
    const tools = toolNames.filter(() => random.chance(0.9)).map(([server, name]) => `${server}/${name}`);
    const manifest: DecidingManifest = {
      purpose: 'serves customers',
      domain: 'support',
      dataDomains: ['support'],
      tools,
      limits: [
        { tool: 'office/refund_order', amountMax: refundMax, currency: 'EUR' },
        {
          tool: 'office/refund_order',
          total: { amount: refundTotal, per: 'hour' },
          currency: 'EUR',
          concurrent: refundsAtOnce,
        },
        { tool: 'wiki/search', total: { calls: searchTotal, per: 'day' } },
        { tool: 'wiki/run_job', calls: { max: random.int(1, 3), perSeconds: 1 } },
      ],
      checkpoints:
        i % 2 === 0
          ? [{ tool: 'office/refund_order', amountAbove: 60, reason: 'large refunds are looked at' }]
          : [],
      assurance: 'claimed',
    };
    const doc: AgentDoc = {
      id: random.uuid(),
      name: `agent-${i}`,
      version: '1.0.0',
      manifestDigest: sha256(`manifest ${i} ${tools.join(' ')}`),
      level,
      ownerId: people[i % 2] as string,
      technicalOwnerId: people[2],
      ...manifest,
      epoch: 1,
      credentialEpoch: 1,
    };
    return { doc, manifest };
  });
}
