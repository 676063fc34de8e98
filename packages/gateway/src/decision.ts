/**
 * Steps 2 to 5 of the pipeline: projects the facts of this tick into a world, decides once, and spends the limits in the same tick,
 * with no `await` between. Which checks there are and in which order stands in core's `decide.ts`, and only there.
 */
import { agentsAbove, levelInChain } from '@atf/core/chain';
import { effectiveLevel } from '@atf/core/maturity/levels';
import { withGrants } from '@atf/core/segmentation/grants';
import { actionClassOf, decide } from '@atf/core/decide';
import { offsetsAt } from '@atf/core/segmentation/zones';
import { ofResource } from '@atf/core/segmentation/resource-classes';
import { kindOf } from '@atf/core/segmentation/offer';
import { asRetrieved, trustedFrom } from '@atf/core/segmentation/retrieval';
import { siblingArgument } from '@atf/core/segmentation/http-siblings';
import { anyQuery } from '@atf/core/segmentation/sql/query-fact';
import { raisedBy } from '@atf/core/segmentation/sql/rights';
import { ofTables } from '@atf/core/segmentation/sql/table-classes';
import { sha256 } from '@atf/core/digest';
import type { AgentDoc, ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import {
  type CredentialFacts,
  noTask,
  type Protocol,
  type Received,
  type SchemaFact,
  type TotalFact,
  type World,
} from '@atf/core/world';
import { aboveOf } from './above.ts';
import { argumentVerdicts, inspectArguments } from './data-inspection.ts';
import type { Judge, Verdict } from './judge.ts';
import type { Hold, Limiter, LimitInput } from './limiter.ts';
import { MemoryWrites } from './memory-writes.ts';
import type { Ports } from './ports.ts';
import { queryOf } from './query-reader.ts';
import type { Decided } from './record.ts';
import type { SchemaCheck } from './schema-check.ts';
import type { SessionLabels } from './session-labels.ts';
import type { SessionMemories } from './session-memories.ts';
import type { TotalHold, Totals } from './totals.ts';

/** One call as it will be decided: the canonical text and the value that this text means. */
export interface ExactCall {
  readonly protocol: Protocol;
  readonly server: string;
  readonly tool: string;
  readonly args: JsonObject;
  readonly argsText: string;
  readonly argsDigest: string;
}

/** Fixes what is decided, digested, stored, approved and sent: one serialisation and the value read from it. */
export function exactCall(
  server: string,
  tool: string,
  args: JsonObject,
  protocol: Protocol = 'mcp',
): ExactCall {
  const argsText = canonicalJson(args);
  // Read back, so that what is sent upstream is what this very text says (keys in its order).
  const exact = JSON.parse(argsText) as JsonObject;
  return { protocol, server, tool, args: exact, argsText, argsDigest: sha256(argsText) };
}

export function receivedOf(actionId: string, credential: CredentialFacts, call: ExactCall): Received {
  const { protocol, server, tool, args, argsDigest } = call;
  return { actionId, protocol, server, tool, args, argsDigest, credential };
}

/**
 * The tool as it is known and offered: a live definition that differs from the accepted one counts as quarantined at once, before
 * control knows. A definition that was not listed yet stays as accepted; the last look then refuses to execute.
 */
export function toolAsOffered(
  ports: Ports,
  server: string,
  name: string,
  instanceId: string,
): ToolDoc | undefined {
  const tool = ports.snapshot.tool(server, name);
  const serverDoc = ports.snapshot.server(server);
  if (tool?.state !== 'active' || serverDoc === undefined) return tool;
  const live = ports.upstream.live(serverDoc, instanceId, name);
  if (live.state === 'absent') return { ...tool, state: 'removed' };
  if (live.state === 'offered' && live.digest !== tool.definitionDigest)
    return { ...tool, state: 'quarantined' };
  return tool;
}

const nothingToCheck: SchemaFact = { verdict: 'valid', problems: [] };

/** What a call has got of what it may do, before it is decided. */
export interface Holds {
  readonly rates: Hold;
  /** Undefined: no total binds it. */
  readonly totals: TotalHold | undefined;
}

export interface Decider {
  /** Has the arguments looked at, so that no tick of a decision takes long. */
  prepare(call: ExactCall, agentId: string): Promise<void>;
  /** Gets hold of one call of every rate limit that binds this one, and reserves what it does of every total. */
  hold(received: Received): Promise<Holds>;
  /** The same of what was leased before; undefined: control has to be asked. */
  holdNow(received: Received): Holds | undefined;
  /** Decides in this tick, spending nothing, before control is asked for a lease. */
  first(received: Received, call: ExactCall): Decided;
  /** Decides in this tick; spends what `hold` has when the outcome is `allow`, and gives it back otherwise. */
  decide(
    received: Received,
    call: ExactCall,
    approval: ApprovalDoc | undefined,
    hold: Holds,
    verdict?: Verdict,
  ): Decided;
  /** The same decision without reserving anything; with `anyArguments` without looking at the arguments. */
  peek(received: Received, call: ExactCall, anyArguments?: boolean): Decided;
}

/** The totals as the decision sees them. What was to be reserved and is not, is not there: `decide()` refuses it. */
function bindingTotals(
  named: readonly TotalFact[],
  { hold, anyArguments }: { readonly hold: Holds | undefined; readonly anyArguments: boolean },
): readonly TotalFact[] {
  if (hold !== undefined) return hold.totals?.facts ?? [];
  return anyArguments ? named.map((fact) => ({ ...fact, ok: true })) : named;
}

export function createDecider(
  ports: Ports,
  { limiter, totals }: { readonly limiter: Limiter; readonly totals: Totals },
  schemas: SchemaCheck,
  {
    memories,
    labels,
    judge,
  }: {
    readonly memories: SessionMemories;
    readonly labels: SessionLabels;
    readonly judge: Pick<Judge, 'factOf' | 'doubts'>;
  },
  onDecided: (ms: number) => void = () => undefined,
): Decider {
  const { snapshot, clock } = ports;
  const writes = new MemoryWrites();
  /** The schema of the tool, and for HTTP services that the arguments do not make another operation of it. */
  const checked = (tool: ToolDoc, { server, args }: Received): SchemaFact => {
    const fact = schemas.input(tool, args);
    if (fact.verdict !== 'valid' || snapshot.server(server)?.transport.kind !== 'openapi') return fact;
    const argument = siblingArgument(tool, snapshot.toolsOf(server), args);
    return argument === undefined
      ? fact
      : { verdict: 'invalid', problems: [`/${argument}: the path of another operation of this service`] };
  };
  /** The agent with the boundaries that hold for it now, as `decide()` takes it. */
  const boundNow = (agent: AgentDoc | undefined, credential: CredentialFacts, nowMs: number) =>
    agent?.grants === undefined
      ? agent
      : withGrants(agent, {
          nowMs,
          level: levelInChain(effectiveLevel(agent, credential.proof), aboveOf(snapshot, credential)),
          policyEpoch: snapshot.policy()?.epoch,
        });
  const inThisTick = (
    received: Received,
    call: ExactCall,
    approval: ApprovalDoc | undefined,
    how: {
      readonly hold: Holds | undefined;
      readonly anyArguments: boolean;
      readonly verdict?: Verdict | undefined;
    },
  ): Decided => {
    const { credential, server, tool: name } = received;
    const agent = snapshot.agent(credential.agentId);
    const offered = toolAsOffered(ports, server, name, credential.instanceId);
    // Which of its addresses it will be about nobody knows where arguments are not looked at: what is about one is decided about that one.
    const query =
      offered === undefined
        ? undefined
        : how.anyArguments
          ? anyQuery(offered)
          : queryOf(offered, received.args);
    const tool =
      offered === undefined || how.anyArguments
        ? offered
        : asRetrieved(
            ofTables(ofResource(offered, received.args), query),
            received.args,
            kindOf(name) === 'tool' ? [] : snapshot.toolsOf(server),
            trustedFrom(snapshot.settings()),
          );
    const { proof } = credential;
    // Reading is free to name anything; a change that comes as SQL through a tool for reading is not.
    const used = tool === undefined ? undefined : raisedBy(tool, query);
    const nowMs = clock.nowMs();
    const bound = boundNow(agent, credential, nowMs);
    const above = aboveOf(snapshot, credential);
    const agents = agentsAbove(above);
    const limits = limiter.look(
      { agent: bound, tool, settings: snapshot.settings(), proof, above: agents },
      how.hold?.rates,
    );
    const spending = { agent: bound, tool, args: received.args, credential, above: agents };
    const binding = bindingTotals(totals.look(spending), how);
    // What is only looked at is looked at as if the judge agreed: it is asked about what would be done. A doubt is there before anybody is asked.
    const { instanceId } = credential;
    const asks = used !== undefined && actionClassOf(used) !== 'read' && !how.anyArguments;
    const judged =
      asks && (how.hold !== undefined || judge.doubts(instanceId))
        ? judge.factOf(instanceId, how.verdict)
        : undefined;
    const policy = snapshot.policy();
    const zones = policy?.reads(`${server}/${name}`).zones;
    const world: World = {
      nowMs,
      feedFresh: snapshot.fresh(),
      agent,
      instance: snapshot.instance(credential.instanceId),
      sessionRevoked: snapshot.sessionRevoked(credential.sid),
      ...above,
      server: snapshot.server(server),
      tool,
      containments: snapshot.containments(),
      policy,
      limits,
      ...(binding.length === 0 ? {} : { totals: binding }),
      approval,
      schema: offered === undefined || how.anyArguments ? nothingToCheck : checked(offered, received),
      ...(how.anyArguments ? { anyArguments: true } : {}),
      flow: labels.facts(credential),
      ...(how.anyArguments
        ? { provenance: [], task: noTask }
        : memories.facts(received.credential, used, received.args, query)),
      detectors:
        used === undefined || how.anyArguments
          ? []
          : [
              ...argumentVerdicts(received.args, {
                action: actionClassOf(used),
                level: agent === undefined ? 'intern' : levelInChain(effectiveLevel(agent, proof), above),
                settings: snapshot.settings(),
                given: memories.given(credential),
              }),
              ...writes.verdicts(used, received.args, snapshot.settings(), nowMs),
            ],
      query,
      ...(zones === undefined ? {} : { zones: offsetsAt(nowMs, zones) }),
      ...(judged === undefined ? {} : { judged }),
    };
    const decision = decide(received, world);
    if (how.hold !== undefined && decision.outcome !== 'allow') {
      limiter.giveBack(how.hold.rates);
      totals.end(received.actionId);
    }
    if (how.hold !== undefined && decision.outcome === 'allow' && used !== undefined)
      writes.allowed(used, received.args, nowMs);
    return { received, argsText: call.argsText, world, decision, approvalId: approval?.id };
  };
  const limitsOf = ({ credential, server, tool: name }: Received): LimitInput => {
    const { agentId, instanceId, proof } = credential;
    const tool = toolAsOffered(ports, server, name, instanceId);
    return {
      agent: boundNow(snapshot.agent(agentId), credential, clock.nowMs()),
      tool,
      settings: snapshot.settings(),
      proof,
      above: agentsAbove(aboveOf(snapshot, credential)),
    };
  };
  const spendingOf = ({ args, credential }: Received, { agent, tool }: LimitInput) => ({
    agent,
    tool,
    args,
    credential,
    above: agentsAbove(aboveOf(snapshot, credential)),
  });
  const timed = (work: () => Decided): Decided => {
    const begunMs = clock.monotonicMs();
    const decided = work();
    onDecided(clock.monotonicMs() - begunMs);
    return decided;
  };
  return {
    async prepare({ server, tool, args, argsText: { length } }, agentId) {
      await inspectArguments(args, length, snapshot.settings(), { ask: ports.askService, agentId });
      await writes.prepare(snapshot.tool(server, tool), args, length);
    },
    async hold(received) {
      const input = limitsOf(received);
      const rates = await limiter.hold(input);
      // What a rate refuses reserves nothing.
      if (rates.missing.size > 0) return { rates, totals: undefined };
      return { rates, totals: await totals.reserve(received.actionId, spendingOf(received, input)) };
    },
    holdNow(received) {
      const input = limitsOf(received);
      if (totals.bind(spendingOf(received, input))) return undefined;
      const rates = limiter.holdNow(input);
      return rates === undefined ? undefined : { rates, totals: undefined };
    },
    first: (received, call) =>
      timed(() => inThisTick(received, call, undefined, { hold: undefined, anyArguments: false })),
    decide: (received, call, approval, hold, verdict) =>
      timed(() => inThisTick(received, call, approval, { hold, anyArguments: false, verdict })),
    peek: (received, call, anyArguments = false) =>
      inThisTick(received, call, undefined, { hold: undefined, anyArguments }),
  };
}
