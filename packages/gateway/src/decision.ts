/**
 * Steps 2 to 5 of the pipeline: projects the facts of this tick into a world, decides once, and spends the limits in the same tick,
 * with no `await` between. Which checks there are and in which order stands in core's `decide.ts`, and only there.
 */
import { decide } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import type { ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import {
  type CredentialFacts,
  noTask,
  type Protocol,
  type Received,
  type SchemaFact,
  type World,
} from '@atf/core/world';
import type { Hold, Limiter, LimitInput } from './limiter.ts';
import type { Ports } from './ports.ts';
import type { Decided } from './record.ts';
import type { SchemaCheck } from './schema-check.ts';
import type { SessionMemories } from './session-memories.ts';

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

export interface Decider {
  /** Gets hold of one call of every rate limit that binds this one. */
  hold(received: Received): Promise<Hold>;
  /** The same of what was leased before; undefined: control has to be asked. */
  holdNow(received: Received): Hold | undefined;
  /** Decides in this tick, spending nothing, before control is asked for a lease. */
  first(received: Received, call: ExactCall): Decided;
  /** Decides in this tick; spends what `hold` has when the outcome is `allow`, and gives it back otherwise. */
  decide(received: Received, call: ExactCall, approval: ApprovalDoc | undefined, hold: Hold): Decided;
  /** The same decision without reserving anything; with `anyArguments` without looking at the arguments. */
  peek(received: Received, call: ExactCall, anyArguments?: boolean): Decided;
}

export function createDecider(
  ports: Ports,
  limiter: Limiter,
  schemas: SchemaCheck,
  memories: SessionMemories,
  onDecided: (ms: number) => void = () => undefined,
): Decider {
  const { snapshot, clock } = ports;
  const inThisTick = (
    received: Received,
    call: ExactCall,
    approval: ApprovalDoc | undefined,
    how: { readonly hold: Hold | undefined; readonly anyArguments: boolean },
  ): Decided => {
    const { credential, server, tool: name } = received;
    const agent = snapshot.agent(credential.agentId);
    const tool = toolAsOffered(ports, server, name, credential.instanceId);
    const { proof } = credential;
    const limits = limiter.look({ agent, tool, settings: snapshot.settings(), proof }, how.hold);
    const world: World = {
      nowMs: clock.nowMs(),
      feedFresh: snapshot.fresh(),
      agent,
      instance: snapshot.instance(credential.instanceId),
      sessionRevoked: snapshot.sessionRevoked(credential.sid),
      server: snapshot.server(server),
      tool,
      containments: snapshot.containments(),
      policy: snapshot.policy(),
      limits,
      approval,
      schema: tool === undefined || how.anyArguments ? nothingToCheck : schemas.input(tool, received.args),
      labels: [],
      ...(how.anyArguments
        ? { provenance: [], task: noTask }
        : memories.facts(received.credential, tool, received.args)),
      detectors: [],
    };
    const decision = decide(received, world);
    if (how.hold !== undefined && decision.outcome !== 'allow') limiter.giveBack(how.hold);
    return { received, argsText: call.argsText, world, decision, approvalId: approval?.id };
  };
  const limitsOf = ({ credential, server, tool: name }: Received): LimitInput => {
    const { agentId, instanceId, proof } = credential;
    const tool = toolAsOffered(ports, server, name, instanceId);
    return { agent: snapshot.agent(agentId), tool, settings: snapshot.settings(), proof };
  };
  const timed = (work: () => Decided): Decided => {
    const begunMs = clock.monotonicMs();
    const decided = work();
    onDecided(clock.monotonicMs() - begunMs);
    return decided;
  };
  return {
    hold: (received) => limiter.hold(limitsOf(received)),
    holdNow: (received) => limiter.holdNow(limitsOf(received)),
    first: (received, call) =>
      timed(() => inThisTick(received, call, undefined, { hold: undefined, anyArguments: false })),
    decide: (received, call, approval, hold) =>
      timed(() => inThisTick(received, call, approval, { hold, anyArguments: false })),
    peek: (received, call, anyArguments = false) =>
      inThisTick(received, call, undefined, { hold: undefined, anyArguments }),
  };
}
