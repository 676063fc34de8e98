/**
 * S-1, S-2: how fast one authorisation is, with 10 to 10,000 policies, beside Cedar's own wasm (policies handed over each
 * time, and parsed beforehand) and beside `evaluatePolicy` of `@microsoft/agent-governance-sdk`, all in one run.
 *
 * The three decide the same thing: agents with grants for tools of a server, up to an amount, and four guardrails that hold
 * for everybody. `atf` starts, as the others do, from the plain JSON of a call: it converts the arguments, lays the entity
 * of the call over the registry's, and evaluates. `atf, evaluation alone` leaves the conversion out.
 */
import {
  preparsePolicySet,
  isAuthorized as wasmIsAuthorized,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import { policyTextToJson } from '@atf/control/policy/cedar-text';
import { type CompiledPolicySet, compilePolicySet } from '@atf/core/policy/compile';
import {
  buildEntityStore,
  type EntityData,
  type EntityStore,
  overlayEntities,
} from '@atf/core/policy/entities';
import { type AuthorizationRequest, decideStrict } from '@atf/core/policy/evaluate';
import { EntityUid, RecordValue } from '@atf/core/policy/runtime-value';
import { fromArguments } from '@atf/core/policy/values';
import { type Policy, PolicyEngine } from '@microsoft/agent-governance-sdk';
import { number, type Part, type Row } from './part.ts';
import { sample } from './sample.ts';

interface DecideRow {
  readonly name: string;
  readonly policies: number;
  /** Decisions per second of processor time of the one thread that decides. */
  readonly opsPerSecond: number;
  /** Wall time of single decisions. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** How many times slower than `atf` with as many policies in the same run; undefined for `atf` itself. */
  readonly ratio: number | undefined;
}

const POLICY_COUNTS = [10, 100, 1_000, 10_000];
const GUARDRAILS = 4;
const TOOLS_PER_SERVER = 10;
const CALLS = 512;

interface Grant {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly amountMax: number;
}

interface Call {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly args: { readonly amount: number; readonly recipient: string; readonly note: string };
}

/** `count` policies in all: the guardrails, and one grant for each agent and server in turn. */
const grantsOf = (count: number): readonly Grant[] => {
  const agents = Math.max(1, Math.round(Math.sqrt(count)));
  return Array.from({ length: count - GUARDRAILS }, (_, index) => {
    const server = `server-${Math.floor(index / agents)}`;
    return {
      agent: `agent-${index % agents}`,
      server,
      tool: `${server}/tool-${index % TOOLS_PER_SERVER}`,
      amountMax: 50 + (index % 50),
    };
  });
};

/** Every second call stays below the amount of a grant, the others are above it. */
const callsOf = (grants: readonly Grant[]): readonly Call[] =>
  Array.from({ length: CALLS }, (_, index) => {
    const grant = grants[(index * 7_919) % grants.length] as Grant;
    const amount = index % 2 === 0 ? grant.amountMax - 10 : grant.amountMax + 10;
    return {
      agent: grant.agent,
      server: grant.server,
      tool: grant.tool,
      args: { amount, recipient: `person-${index}@example.com`, note: 'monthly invoice' },
    };
  });

const guardrailTexts = [
  'forbid(principal, action, resource) when { context.args.amount > 100000 };',
  'forbid(principal, action, resource) when { context.args.recipient like "*@blocked.example" };',
  'forbid(principal, action, resource) when { principal.contained };',
  'forbid(principal, action, resource) when { resource.quarantined };',
];

/** Half of the grants name the tool, half the server, which holds its tools by the hierarchy. */
const grantText = ({ agent, server, tool, amountMax }: Grant, index: number): string => {
  const scope = index % 2 === 0 ? `resource == Tool::"${tool}"` : `resource in Server::"${server}"`;
  return `permit(principal == Agent::"${agent}", action == Action::"call", ${scope}) when { context.args.amount <= ${amountMax} };`;
};

const policyTexts = (grants: readonly Grant[]): readonly string[] => [
  ...guardrailTexts,
  ...grants.map(grantText),
];

const registryOf = (
  grants: readonly Grant[],
): readonly {
  type: string;
  id: string;
  attrs: Record<string, boolean>;
  parents: readonly { type: string; id: string }[];
}[] => {
  const agents = [...new Set(grants.map((grant) => grant.agent))].map((id) => ({
    type: 'Agent',
    id,
    attrs: { contained: false },
    parents: [{ type: 'Team', id: 'finance' }],
  }));
  const tools = new Map(grants.map(({ tool, server }) => [tool, server]));
  return [
    ...agents,
    ...[...tools].map(([id, server]) => ({
      type: 'Tool',
      id,
      attrs: { quarantined: false },
      parents: [{ type: 'Server', id: server }],
    })),
  ];
};

const uid = (type: string, id: string): EntityUid => new EntityUid(type, id);
const ACTION = uid('Action', 'call');

const compileAll = (texts: readonly string[]): CompiledPolicySet => {
  const sources = texts.map((text, index) => {
    const converted = policyTextToJson(text);
    if (!converted.ok) throw new Error(converted.errors[0]?.message);
    return { id: `policy${index}`, json: converted.json };
  });
  const compiled = compilePolicySet(sources);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message);
  return compiled.set;
};

const storeOf = (grants: readonly Grant[]): EntityStore => {
  const entities: EntityData[] = registryOf(grants).map(({ type, id, attrs, parents }) => ({
    uid: uid(type, id),
    attrs: new RecordValue(new Map(Object.entries(attrs))),
    parents: parents.map((parent) => uid(parent.type, parent.id)),
  }));
  const built = buildEntityStore(entities);
  if (!built.ok) throw new Error(built.problem.message);
  return built.store;
};

type Decide = (call: Call) => boolean;

const contextOf = (call: Call): RecordValue => {
  const args = fromArguments(call.args);
  if (!args.ok) throw new Error(args.refusal.reason);
  return new RecordValue(new Map([['args', args.value]]));
};

const atfDecide = (grants: readonly Grant[]): Decide => {
  const set = compileAll(policyTexts(grants));
  const registry = storeOf(grants);
  return (call) => {
    const session = { uid: uid('Session', call.agent), parents: [uid('Agent', call.agent)] };
    const entities = overlayEntities(registry, [session]);
    if (!entities.ok) throw new Error(entities.problem.message);
    const request = {
      principal: uid('Agent', call.agent),
      action: ACTION,
      resource: uid('Tool', call.tool),
      context: contextOf(call),
    };
    return decideStrict(set, request, entities.store).decision === 'allow';
  };
};

const atfEvaluate = (grants: readonly Grant[], calls: readonly Call[]): Decide => {
  const set = compileAll(policyTexts(grants));
  const registry = storeOf(grants);
  const requests = new Map<Call, AuthorizationRequest>(
    calls.map((call) => [
      call,
      {
        principal: uid('Agent', call.agent),
        action: ACTION,
        resource: uid('Tool', call.tool),
        context: contextOf(call),
      },
    ]),
  );
  return (call) =>
    decideStrict(set, requests.get(call) as AuthorizationRequest, registry).decision === 'allow';
};

/** What the library gets: only the entities of the call, because it reads all that it is given anew each time. */
const wasmRequest = (call: Call) => ({
  principal: { type: 'Agent', id: call.agent },
  action: { type: 'Action', id: 'call' },
  resource: { type: 'Tool', id: call.tool },
  context: { args: call.args },
  entities: [
    {
      uid: { type: 'Agent', id: call.agent },
      attrs: { contained: false },
      parents: [{ type: 'Team', id: 'finance' }],
    },
    {
      uid: { type: 'Tool', id: call.tool },
      attrs: { quarantined: false },
      parents: [{ type: 'Server', id: call.server }],
    },
  ],
});

const allowed = (answer: ReturnType<typeof wasmIsAuthorized>): boolean => {
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  return answer.response.decision === 'allow' && answer.response.diagnostics.errors.length === 0;
};

const wasmPlain = (grants: readonly Grant[]): Decide => {
  const policies = { staticPolicies: policyTexts(grants).join('\n') };
  return (call) => allowed(wasmIsAuthorized({ ...wasmRequest(call), policies }));
};

const wasmPreparsed = (grants: readonly Grant[]): Decide => {
  const answer = preparsePolicySet('bench', { staticPolicies: policyTexts(grants).join('\n') });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  return (call) => allowed(statefulIsAuthorized({ ...wasmRequest(call), preparsedPolicySetId: 'bench' }));
};

/** The same rules in the expression language of the SDK, under its default, deny overrides. */
const sdkDecide = (grants: readonly Grant[]): Decide => {
  const engine = new PolicyEngine();
  const deny = ['amount > 100000', "domain == 'blocked.example'", 'contained == true', 'quarantined == true'];
  const rules = [
    ...deny.map((condition, index) => ({
      name: `guardrail-${index}`,
      condition,
      ruleAction: 'deny' as const,
    })),
    ...grants.map(({ agent, server, tool, amountMax }, index) => {
      const resource = index % 2 === 0 ? `tool == '${tool}'` : `server == '${server}'`;
      return {
        name: `grant-${index}`,
        condition: `agent == '${agent}' and ${resource} and amount <= ${amountMax}`,
        ruleAction: 'allow' as const,
      };
    }),
  ];
  const policy: Policy = { name: 'bench', scope: 'global', rules, default_action: 'deny' };
  engine.loadPolicy(policy);
  return (call) => {
    const context = {
      agent: call.agent,
      tool: call.tool,
      server: call.server,
      amount: call.args.amount,
      domain: call.args.recipient.split('@')[1],
      contained: false,
      quarantined: false,
    };
    return engine.evaluatePolicy(`did:agentmesh:${call.agent}`, context).allowed;
  };
};

/** All candidates at one size; they must agree on every call, or the comparison would mean nothing. */
const measureAt = (policies: number): readonly DecideRow[] => {
  const grants = grantsOf(policies);
  const calls = callsOf(grants);
  const candidates: readonly (readonly [string, Decide])[] = [
    ['atf', atfDecide(grants)],
    ['atf, evaluation alone', atfEvaluate(grants, calls)],
    ['cedar-wasm, policies parsed before', wasmPreparsed(grants)],
    ['cedar-wasm', wasmPlain(grants)],
    ['agent-governance-sdk', sdkDecide(grants)],
  ];
  const wanted = calls.slice(0, 16).map((call) => candidates[0]?.[1](call));
  if (!wanted.includes(true) || !wanted.includes(false))
    throw new Error('the calls must be allowed and refused in part');
  for (const [name, decide] of candidates) {
    const given = calls.slice(0, 16).map((call) => decide(call));
    if (given.some((allow, index) => allow !== wanted[index]))
      throw new Error(`${name} decides otherwise than atf`);
  }
  const measured = candidates.map(([name, decide]) => ({ name, policies, ...sample(decide, calls) }));
  const base = measured[0]?.opsPerSecond ?? 0;
  return measured.map((row, index) => ({ ...row, ratio: index === 0 ? undefined : base / row.opsPerSecond }));
};

/** Measures every candidate at every size. Takes about a minute. */
const measureDecide = (quick: boolean): readonly DecideRow[] =>
  (quick ? POLICY_COUNTS.slice(0, 1) : POLICY_COUNTS).flatMap(measureAt);

const rowOf = ({ name, policies, opsPerSecond, p50Us, p99Us, ratio }: DecideRow): Row => {
  const slower = ratio === undefined ? '' : `, ${number(ratio)}× slower than atf`;
  const row = {
    what: `decide, ${policies} policies, ${name}`,
    reached: `${number(opsPerSecond)}/s, p50 ${number(p50Us)} µs, p99 ${number(p99Us)} µs${slower}`,
  };
  if (policies !== 1_000) return row;
  if (name === 'atf') return { ...row, wanted: '≥ 100,000/s', ok: opsPerSecond >= 100_000 };
  if (!name.startsWith('cedar-wasm')) return row;
  return { ...row, wanted: 'atf ≥ 100× faster', ok: (ratio ?? 0) >= 100 };
};

export const decidePart: Part = {
  name: 'decide',
  says: 'decide(): policies from 10 to 10,000, beside cedar-wasm and agent-governance-sdk',
  async measure({ quick }) {
    const raw = measureDecide(quick);
    return { raw, rows: raw.map(rowOf) };
  },
};
