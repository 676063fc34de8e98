/**
 * Steps 2 to 5 of the pipeline: projects the facts of this tick into a world, decides once, and reserves the limits in the same tick,
 * with no `await` between. Which checks there are and in which order stands in core's `decide.ts`, and only there.
 */
import { decide } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import type { ApprovalDoc, ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { CredentialFacts, Protocol, Received, SchemaFact, World } from '@atf/core/world';
import type { Limiter } from './limiter.ts';
import type { Ports } from './ports.ts';
import type { Decided } from './record.ts';
import type { SchemaCheck } from './schema-check.ts';

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
  /** Decides in this tick; reserves the limits when the outcome is `allow`. */
  decide(received: Received, call: ExactCall, approval: ApprovalDoc | undefined): Decided;
  /** The same decision without reserving anything; with `anyArguments` without looking at the arguments. */
  peek(received: Received, call: ExactCall, anyArguments?: boolean): Decided;
}

export function createDecider(
  ports: Ports,
  limiter: Limiter,
  schemas: SchemaCheck,
  onDecided: (ms: number) => void = () => undefined,
): Decider {
  const { snapshot, clock } = ports;
  const inThisTick = (
    received: Received,
    call: ExactCall,
    approval: ApprovalDoc | undefined,
    how: { readonly reserve: boolean; readonly anyArguments: boolean },
  ): Decided => {
    const { credential, server, tool: name } = received;
    const agent = snapshot.agent(credential.agentId);
    const tool = toolAsOffered(ports, server, name, credential.instanceId);
    const { proof } = credential;
    const look =
      agent === undefined
        ? { facts: [], next: [] }
        : limiter.look({
            agent,
            tool,
            settings: snapshot.settings(),
            proof,
            monotonicMs: clock.monotonicMs(),
          });
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
      limits: look.facts,
      approval,
      schema: tool === undefined || how.anyArguments ? nothingToCheck : schemas.input(tool, received.args),
      labels: [],
      provenance: [],
      detectors: [],
    };
    const decision = decide(received, world);
    if (how.reserve && decision.outcome === 'allow') limiter.reserve(look);
    return { received, argsText: call.argsText, world, decision, approvalId: approval?.id };
  };
  return {
    decide: (received, call, approval) => {
      const begunMs = clock.monotonicMs();
      const decided = inThisTick(received, call, approval, { reserve: true, anyArguments: false });
      onDecided(clock.monotonicMs() - begunMs);
      return decided;
    },
    peek: (received, call, anyArguments = false) =>
      inThisTick(received, call, undefined, { reserve: false, anyArguments }),
  };
}
