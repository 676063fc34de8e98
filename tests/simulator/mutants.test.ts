/**
 * The simulator can fail: each break below, put in on purpose, is found, and by an invariant that names it. Each names seeds that are known to find it.
 * Other code may make other runs of them: then the seeds of a normal run are tried, and `ATF_MUTANTS=1-60 npx vitest run
 * tests/simulator/mutants.test.ts` prints which seeds to put here.
 */
import './parts.ts';
import type { Json, JsonObject } from '@atf/core/wire/json';
import { Lease } from '@atf/gateway/lease';
import { Limiter, type LimitInput } from '@atf/gateway/limiter';
import type { Pipeline } from '@atf/gateway/pipeline';
import type { Ports, SnapshotPort, SpoolPort } from '@atf/gateway/ports';
import type { BodyIn, OperationId, ResponseOf } from '@atf/core/wire/api';
import type { AgentDoc } from '@atf/core/wire/feed';
import {
  type Origin,
  type Seen,
  SessionMemory,
  standsIn,
} from '@atf/core/segmentation/provenance/session-memory';
import type { CredentialFacts, PolicyAnswer, PolicyContext, PolicyQuestion } from '@atf/core/world';
import { beforeAll, expect, it } from 'vitest';
import { namedPerson } from './desk.ts';
import { Random } from './random.ts';
import { loadPolicies, type Policies } from './scene.ts';
import { type Mutation, simulate } from './simulate.ts';
import type { Violation } from './trace.ts';

const seedsMax = 200;

/** `real`, but for what `changed` says. */
function wrapped<T extends object>(real: T, changed: Partial<T>): T {
  return new Proxy(real, {
    get: (target, name) => {
      const value: unknown = name in changed ? Reflect.get(changed, name) : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const snapshotOf = (change: (real: SnapshotPort, ports: Ports) => Partial<SnapshotPort>): Mutation => ({
  ports: (ports) => ({ ...ports, snapshot: wrapped(ports.snapshot, change(ports.snapshot, ports)) }),
});

const spoolOf = (append: (real: SpoolPort) => SpoolPort['append']): Mutation => ({
  ports: (ports) => ({ ...ports, spool: { append: append(ports.spool), appendUrgent: append(ports.spool) } }),
});

/** Answers of before are good enough for a while: what a cache without epochs does. */
const cachedMs = 250;
function cached(real: SnapshotPort, { clock }: Ports): Partial<SnapshotPort> {
  const held = new Map<string, { readonly value: unknown; readonly untilMs: number }>();
  const remember =
    <A extends readonly string[], T>(name: string, ask: (...args: A) => T) =>
    (...args: A): T => {
      const key = [name, ...args].join(' ');
      const known = held.get(key);
      if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.value as T;
      const value = ask(...args);
      held.set(key, { value, untilMs: clock.monotonicMs() + cachedMs });
      return value;
    };
  return {
    agent: remember('agent', (id: string) => real.agent(id)),
    tool: remember('tool', (server: string, name: string) => real.tool(server, name)),
    policy: remember('policy', () => real.policy()),
    containments: remember('containments', () => real.containments()),
  };
}

/** Answers of policies are kept under what `key` says of a question, and of the set that is asked; and of its context, but for this. */
const remembering = (
  key: (question: PolicyQuestion, digest: string) => readonly unknown[],
  forgotten: readonly (keyof PolicyContext)[] = [],
): Mutation =>
  snapshotOf((real) => {
    const held = new Map<string, PolicyAnswer>();
    return {
      policy: () => {
        const policy = real.policy();
        return (
          policy && {
            ...policy,
            ask: (question) => {
              const context = Object.entries(question.context).filter(
                ([name]) => !(forgotten as readonly string[]).includes(name),
              );
              const of = JSON.stringify([...key(question, policy.digest), context]);
              const answer = held.get(of) ?? policy.ask(question);
              held.set(of, answer);
              return answer;
            },
          }
        );
      },
    };
  });

class EndlessLease extends Lease {
  override fresh(monotonicMs: number): boolean {
    return super.fresh(monotonicMs) || super.fresh(Number.NEGATIVE_INFINITY);
  }
}

const early = { ok: true, epoch: 1, seq: 1 } as const;
const edited = (body: JsonObject, change: Record<string, Json>): JsonObject => ({ ...body, ...change });

/** The asks of a request for calls of a rate limit. */
const asksOf = ({ body }: { readonly body?: unknown }): readonly unknown[] =>
  (body as BodyIn<'gateway.leaseCalls'>).asks;

const reads = 'what was read joins before any of it leaves';
const suggested = 'what only an untrusted text says goes to a person';
const invented = 'on a task, what nobody said goes to a person';
const replayed = 'replaying a record gives its decision';
const asked = ({ agent, effectiveLevel, action, tool }: PolicyQuestion, digest: string) => [
  agent.id,
  effectiveLevel,
  action,
  tool,
  digest,
];

/** Control is not asked, and answers this. */
const controlOf = (asked: OperationId, answer: () => unknown): Mutation => ({
  ports: (ports) => ({
    ...ports,
    control: {
      request: async (operation, call) =>
        operation === asked
          ? ({ ok: true, value: answer() } as never)
          : ports.control.request(operation, call),
    },
  }),
});

type TotalAsks = BodyIn<'gateway.reserveTotals'>['asks'];
/** Other totals are asked for than bind. */
const reservingOf = (change: (asks: TotalAsks) => TotalAsks): Mutation => ({
  ports: (ports) => ({
    ...ports,
    control: {
      request: async (operation, call) =>
        operation === 'gateway.reserveTotals'
          ? ports.control.request(operation, {
              ...call,
              body: { asks: change((call.body as BodyIn<'gateway.reserveTotals'>).asks) },
            } as typeof call)
          : ports.control.request(operation, call),
    },
  }),
});

/** Documents of agents are others than control has told. */
const agentsAs = (change: (agent: AgentDoc) => AgentDoc): Mutation =>
  snapshotOf((real) => {
    const changed = new WeakMap<AgentDoc, AgentDoc>();
    return {
      agent: (id) => {
        const now = real.agent(id);
        if (now === undefined) return undefined;
        const other = changed.get(now) ?? change(now);
        changed.set(now, other);
        return other;
      },
    };
  });

/** Where a text of others says a value, and `change` says where it comes from instead; it knows all that this memory was given. */
const findingOf = (change: (seen: readonly Seen[], value: string) => Origin | undefined): Mutation => ({
  patched: () => {
    const { find, add } = SessionMemory.prototype;
    const given = new WeakMap<SessionMemory, Seen[]>();
    SessionMemory.prototype.add = function (seen) {
      given.set(this, [...(given.get(this) ?? []), seen]);
      add.call(this, seen);
    };
    SessionMemory.prototype.find = function (value) {
      const found = find.call(this, value);
      if (found.origin !== 'untrusted') return found;
      return { ...found, origin: change(given.get(this) ?? [], value) ?? found.origin };
    };
    return () => Object.assign(SessionMemory.prototype, { find, add });
  },
});

type AfterCredential = Parameters<Pipeline['call']> extends [unknown, ...infer Rest] ? Rest : never;

const mutants: readonly {
  readonly name: string;
  readonly mutation: () => Mutation;
  /** Known to find it. */
  readonly seeds: readonly number[];
  readonly found: readonly string[];
}[] = [
  {
    name: 'the lease never ends',
    mutation: () => ({ lease: (ms) => new EndlessLease(ms) }),
    seeds: [1, 2, 9],
    found: [
      'a gateway out of lease executes nothing',
      'calls under way are cut',
      'nothing runs one second after a stop',
    ],
  },
  {
    name: 'a gateway spends calls that nobody has leased to it',
    mutation: () => ({
      ports: (ports) => ({
        ...ports,
        control: {
          request: async (operation, call) =>
            operation === 'gateway.leaseCalls'
              ? ({
                  ok: true,
                  value: { grants: asksOf(call).map(() => ({ granted: 3, retryAfterMs: 0 })) },
                } as never)
              : ports.control.request(operation, call),
        },
      }),
    }),
    seeds: [7, 8, 10],
    found: ['rate limits'],
  },
  {
    name: 'each gateway has a rate limit of its own',
    mutation: () => ({ ownBudgets: true }),
    seeds: [17, 22, 7],
    found: ['rate limits', 'totals'],
  },
  {
    name: 'every total has room',
    mutation: () => ({
      ports: (ports) => ({
        ...ports,
        control: {
          request: async (operation, call) =>
            operation === 'gateway.reserveTotals'
              ? ({
                  ok: true,
                  value: {
                    answers: (call.body as BodyIn<'gateway.reserveTotals'>).asks.map(({ totals }) => ({
                      reserved: true,
                      totals: totals.map(({ max }) => ({ ok: true, left: max })),
                    })),
                  },
                } as never)
              : ports.control.request(operation, call),
        },
      }),
    }),
    seeds: [2],
    found: ['totals', 'cascade'],
  },
  {
    name: 'what a call did is given back when it has ended',
    mutation: () => ({
      ports: (ports) => ({
        ...ports,
        control: {
          request: async (operation, call) => {
            const settled = (call.body as Partial<BodyIn<'gateway.settleTotals'>> | undefined)?.settled;
            if (operation !== 'gateway.settleTotals' || settled === undefined)
              return ports.control.request(operation, call);
            const body = {
              settled: settled.map((each) => ({
                ...each,
                totals: each.totals.map((total) => ({ ...total, spent: 0 })),
              })),
            };
            return ports.control.request(operation, { ...call, body } as typeof call);
          },
        },
      }),
    }),
    seeds: [2],
    found: ['totals', 'cascade'],
  },
  {
    name: 'what is read is not told to control',
    mutation: () => controlOf('gateway.read', () => ({ labels: [] })),
    seeds: [1],
    found: [reads],
  },
  {
    name: 'a gateway does not hear what is read at others',
    mutation: () => snapshotOf(() => ({ labels: () => undefined })),
    seeds: [2, 3, 5],
    found: [reads],
  },
  {
    name: 'calls below one root are not counted',
    mutation: () =>
      reservingOf((asks) =>
        asks.map((ask) => ({ ...ask, totals: ask.totals.map((total) => ({ ...total, wanted: 0 })) })),
      ),
    seeds: [1],
    found: ['cascade', 'totals'],
  },
  {
    name: 'calls below one root count for each call alone',
    mutation: () => reservingOf((asks) => asks.map((ask) => ({ ...ask, task: ask.holdId }))),
    seeds: [1],
    found: ['cascade'],
  },
  {
    name: 'who works for others has only its own rights',
    mutation: () => ({
      assembled: (pipeline) => {
        const call = pipeline.call.bind(pipeline);
        Object.assign(pipeline, {
          call: ({ chain: _, ...alone }: CredentialFacts, ...rest: AfterCredential) => call(alone, ...rest),
        });
      },
    }),
    seeds: [1],
    found: ['rights never grow along a chain', 'the level is read at decision time', reads],
  },
  {
    name: 'no agent is throttled',
    mutation: () => agentsAs(({ throttle: _, ...agent }) => agent),
    seeds: [3, 4, 5],
    found: ['a throttle binds'],
  },
  {
    name: 'what tools returned is not remembered',
    mutation: () => ({
      patched: () => {
        const { add } = SessionMemory.prototype;
        SessionMemory.prototype.add = () => undefined;
        return () => Object.assign(SessionMemory.prototype, { add });
      },
    }),
    seeds: [5, 20],
    found: [suggested],
  },
  {
    name: 'a value that nobody said is one of a list',
    mutation: () => ({
      patched: () => {
        const { find } = SessionMemory.prototype;
        SessionMemory.prototype.find = function (value) {
          const found = find.call(this, value);
          return found.origin === 'unknown' ? { origin: 'listed' } : found;
        };
        return () => Object.assign(SessionMemory.prototype, { find });
      },
    }),
    seeds: [1],
    found: [invented, 'what only those above say goes to a person'],
  },
  {
    name: 'answers of policies do not know where values come from',
    mutation: () => remembering(asked, ['origin', 'reach', 'amount', 'risk']),
    seeds: [1],
    found: [suggested, invented, 'what only those above say goes to a person', replayed],
  },
  {
    name: 'answers of policies do not know what a task asks for',
    mutation: () => remembering(asked, ['intent', 'task', 'risk']),
    seeds: [1],
    found: ['on a task, what it does not ask for goes to a person', suggested, invented, replayed],
  },
  {
    name: 'a task that a host application declares is taken for a person’s',
    mutation: () => ({
      ports: (ports) => ({
        ...ports,
        control: {
          request: async (operation, call) => {
            const answer = await ports.control.request(operation, call);
            if (operation !== 'gateway.task' || !answer.ok) return answer;
            const { host: _, ...value } = answer.value as ResponseOf<'gateway.task'>;
            return { ok: true, value } as never;
          },
        },
      }),
    }),
    seeds: [1],
    found: [
      'what a level may do alone',
      'after what is private and what others wrote only a person lets anything leave',
    ],
  },
  {
    name: 'a value that is a field somewhere is one of a list, whatever texts say it',
    mutation: () =>
      findingOf((memory, value) =>
        memory.some((seen) => standsIn(seen, value) === 'field') ? 'listed' : undefined,
      ),
    seeds: [2],
    found: [suggested],
  },
  {
    name: 'a name that the task knows vouches for every address that bears it',
    mutation: () => findingOf((_, value) => (value.startsWith(`${namedPerson}@`) ? 'named' : undefined)),
    seeds: [4],
    found: [suggested],
  },
  {
    name: 'a retrieval source is trusted whatever was seen of it',
    mutation: () =>
      snapshotOf((real) => ({
        tool: (server, name) => {
          const tool = real.tool(server, name);
          const sources = tool?.sources?.map((each) => ({ ...each, trust: 100 }));
          return tool && (sources === undefined ? tool : { ...tool, sources });
        },
      })),
    seeds: [3],
    found: [reads, suggested],
  },
  {
    name: 'who is throttled goes on through others',
    mutation: () => ({
      patched: () => {
        const { hold, holdNow, look } = Limiter.prototype;
        const alone = ({ above: _, ...input }: LimitInput): LimitInput => input;
        Limiter.prototype.hold = function (input) {
          return hold.call(this, alone(input));
        };
        Limiter.prototype.holdNow = function (input) {
          return holdNow.call(this, alone(input));
        };
        Limiter.prototype.look = function (input, held) {
          return look.call(this, alone(input), held);
        };
        return () => Object.assign(Limiter.prototype, { hold, holdNow, look });
      },
    }),
    seeds: [1],
    found: ['a throttle binds'],
  },
  {
    name: 'what an agent has negotiated outlives a change of the agent',
    mutation: () =>
      agentsAs((agent) => ({
        ...agent,
        grants: agent.grants?.map((grant) => ({
          ...grant,
          epochs: { ...grant.epochs, agent: agent.epoch, credential: agent.credentialEpoch },
        })),
      })),
    seeds: [1],
    found: ['boundaries hold'],
  },
  {
    name: 'a lease is measured on the wall clock',
    mutation: () => ({ wallClock: true }),
    seeds: [1, 2, 3],
    found: [
      'a gateway out of lease executes nothing',
      'calls under way are cut',
      // What was heard ahead of its document is held for a time, which then has no end.
      'when all is healed, all is served',
    ],
  },
  {
    name: 'a replica that led once does nothing when it leads again',
    mutation: () => ({ leadsOnce: true }),
    seeds: [15, 18, 6],
    found: ['the system becomes whole again'],
  },
  {
    name: 'a leader writes the log without its fence',
    mutation: () => ({ fences: false }),
    seeds: [18, 27],
    found: ['the log only grows', 'an outside verifier finds the log whole', 'the log can be opened'],
  },
  {
    name: 'the last look sees what the decision saw',
    mutation: () => snapshotOf(cached),
    seeds: [3],
    found: [
      'nothing cached outlives an epoch',
      'a stop binds at once',
      'the level is read at decision time',
      'a throttle binds',
    ],
  },
  {
    name: 'the level is the one that the agent had first',
    mutation: () =>
      snapshotOf((real) => {
        const first = new Map<string, AgentDoc>();
        return {
          agent: (id) => {
            const now = real.agent(id);
            if (now === undefined) return undefined;
            const before = first.get(id) ?? now;
            first.set(id, before);
            const { ceiling: _, ...rest } = now;
            const { level, ceiling } = before;
            return { ...rest, level, ...(ceiling === undefined ? {} : { ceiling }) };
          },
        };
      }),
    seeds: [1, 9, 14],
    found: ['the level is read at decision time'],
  },
  {
    name: 'answers of policies outlive a change of the level',
    mutation: () => remembering(({ agent, action, tool }, digest) => [agent.id, action, tool, digest]),
    seeds: [3],
    found: [
      'replaying a record gives its decision',
      'the level is read at decision time',
      'what a level may do alone',
    ],
  },
  {
    name: 'answers of policies outlive a change of the tool',
    mutation: () =>
      remembering(({ agent, effectiveLevel, action, tool }, digest) => [
        ...[agent.id, effectiveLevel, action],
        ...[tool.server, tool.name, digest],
      ]),
    seeds: [4, 8],
    found: ['replaying a record gives its decision', 'what a level may do alone'],
  },
  {
    name: 'answers of policies outlive the set that gave them',
    mutation: () => remembering(({ effectiveLevel, action, tool }) => [effectiveLevel, action, tool]),
    seeds: [21],
    found: ['replaying a record gives its decision'],
  },
  {
    name: 'stops are not in the snapshot',
    mutation: () => snapshotOf(() => ({ containments: () => [] })),
    seeds: [7],
    found: ['a stop binds at once'],
  },
  {
    name: 'stops do not cut what runs',
    mutation: () => ({
      assembled: ({ stopper }) =>
        void Object.assign(stopper, {
          contain: () => ({ aborted: 0, running: 0 }),
          leaseLost: () => 0,
          observe: () => undefined,
        }),
    }),
    seeds: [15],
    found: ['calls under way are cut'],
  },
  {
    name: 'the spool acknowledges before a record is durable',
    mutation: () =>
      spoolOf((real) => (draft, payload) => {
        void real.append(draft, payload);
        return Promise.resolve(early);
      }),
    seeds: [1, 2],
    found: ['nothing runs whose record is not durable'],
  },
  {
    name: 'outcomes are not recorded',
    mutation: () =>
      spoolOf(
        (real) => (draft, payload) =>
          draft.type === 'action.outcome' ? Promise.resolve(early) : real.append(draft, payload),
      ),
    seeds: [1, 2],
    found: ['every intent has an outcome or is counted'],
  },
  {
    name: 'what ran is recorded as not executed',
    mutation: () =>
      spoolOf(
        (real) => (draft, payload) =>
          real.append(
            draft.type === 'action.outcome'
              ? { ...draft, body: edited(draft.body, { status: 'not_executed' }) }
              : draft,
            payload,
          ),
      ),
    seeds: [1, 2],
    found: ['outcomes are true'],
  },
  {
    name: 'a record names other policies than those that decided',
    mutation: () =>
      spoolOf(
        (real) => (draft, payload) =>
          real.append(
            draft.type === 'action.refused'
              ? { ...draft, body: edited(draft.body, { policies: ['levels.read'] }) }
              : draft,
            payload,
          ),
      ),
    seeds: [1, 2],
    found: ['replaying a record gives its decision'],
  },
  {
    name: 'a call that failed or is slow is tried again',
    mutation: () => ({
      ports: (ports) => ({
        ...ports,
        upstream: wrapped(ports.upstream, {
          call: async (target, args, options) => {
            const begunMs = ports.clock.monotonicMs();
            const first = await ports.upstream.call(target, args, options);
            const isSlow = ports.clock.monotonicMs() - begunMs > 60;
            if ((first.kind === 'result' && !isSlow) || options.signal.aborted) return first;
            await ports.upstream.prepare(target.server, target.instanceId);
            return await ports.upstream.call(target, args, options);
          },
        }),
      }),
    }),
    seeds: [1, 2],
    found: [
      'an approval releases one call, once; nothing is repeated',
      'a gateway out of lease executes nothing',
      'nothing cached outlives an epoch',
      'a tool is pinned',
    ],
  },
  {
    name: 'control releases an approval again',
    mutation: () => ({ releaseAlways: true }),
    seeds: [1, 3],
    found: [
      'an approval releases one call, once; nothing is repeated',
      // The second release may fail before it acts; its answer then speaks of a call whose effect the first one had.
      'nobody is told that nothing happened when it did',
    ],
  },
  {
    name: 'control releases other bytes than were shown',
    mutation: () => ({ otherBytes: true }),
    seeds: [1, 2, 5],
    found: ['an approval releases exactly the call that was shown'],
  },
  {
    name: 'control acknowledges records that it does not keep',
    mutation: () => {
      const random = new Random(7);
      return { takesNothing: () => random.chance(0.2) };
    },
    seeds: [1, 7, 10],
    found: [
      'what is acknowledged is in the log',
      'an outside verifier finds the log whole',
      'every intent has an outcome or is counted',
      'the system becomes whole again',
    ],
  },
  {
    name: 'the tile store loses files that it promised to keep',
    mutation: () => ({ tilesForget: 0.5 }),
    seeds: [4, 8, 12, 16],
    found: ['an outside verifier finds the log whole', 'the log can be opened', 'every leaf can be read'],
  },
  {
    name: 'a restored product goes on without being resumed',
    mutation: () => ({ restoresRunning: true }),
    seeds: [6, 26, 31],
    found: ['nothing runs one second after a stop'],
  },
  {
    name: 'a restored log goes on under the name that it had',
    mutation: () => ({ keepsOrigin: true }),
    seeds: [6, 46, 51],
    found: ['the log only grows'],
  },
];

const given = process.env['ATF_MUTANTS']?.split('-').map(Number);
const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

let policies: Policies;
beforeAll(async () => {
  policies = await loadPolicies();
});

/** The first seed of these that finds it, and what it finds. */
async function firstFound(
  mutation: () => Mutation,
  seeds: readonly number[],
): Promise<readonly [seed: number, violation: Violation] | undefined> {
  for (const seed of seeds) {
    const { violation } = await simulate(seed, policies, mutation());
    if (violation !== undefined) return [seed, violation];
  }
  return undefined;
}

if (given === undefined)
  it.each(mutants)('found: $name', { timeout: 600_000 }, async ({ name, mutation, seeds, found }) => {
    let first = await firstFound(mutation, seeds);
    if (first === undefined) {
      first = await firstFound(mutation, upTo(1, seedsMax));
      console.warn(`${name}: not found by ${seeds.join(', ')}, but by ${first?.[0]}`);
    }
    if (first === undefined) expect.fail(`not found in ${seedsMax} seeds`);
    else expect(found, first[1].message).toContain(first[1].invariant);
  });
else
  it.each(mutants)('seeds for: $name', { timeout: 3_600_000 }, async ({ name, mutation, found }) => {
    const finds: Record<string, number[]> = {};
    for (const seed of upTo(given[0] ?? 1, given.at(-1) ?? 1)) {
      const { violation } = await simulate(seed, policies, mutation());
      if (violation !== undefined) (finds[violation.invariant] ??= []).push(seed);
    }
    console.log(name, JSON.stringify(finds));
    expect(found).toEqual(expect.arrayContaining(Object.keys(finds)));
  });
