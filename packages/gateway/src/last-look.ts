/**
 * Step 7, first half (R-2, invariants 2, 3 and 7): in the tick that dispatches, everything that the decision rested on is compared
 * with what holds now. Between decision and dispatch lies a disk write; whatever changed meanwhile wins.
 */
import { aboveTouched, brokenChain } from '@atf/core/chain';
import { type Refusal, refusal } from '@atf/core/errors';
import { containmentOf, touchedBy } from '@atf/core/incident/containment';
import { aboveOf } from './above.ts';
import type { CallUnderWay } from './calls.ts';
import { toolAsOffered } from './decision.ts';
import type { Ports } from './ports.ts';
import type { Decided } from './record.ts';

const changed = (what: string): Refusal =>
  refusal('execution.not_executed', `${what} changed after the decision.`);

/** The refusal, or undefined when the call may be dispatched in this very tick. */
export function lastLook(
  ports: Ports,
  { received, world, decision }: Decided,
  call: CallUnderWay,
): Refusal | undefined {
  const { snapshot, clock, upstream } = ports;
  const { credential, server, tool: name } = received;
  if (call.cut !== undefined) return call.cut;
  if (!snapshot.fresh()) return refusal('containment.feed_stale');
  const agent = snapshot.agent(credential.agentId);
  if (agent === undefined) return changed('The registration of the agent');
  const { above = [] } = aboveOf(snapshot, credential);
  const touched = touchedBy(agent, {
    sid: credential.sid,
    server,
    tool: name,
    ...aboveTouched(credential, { above }),
  });
  const stop = containmentOf(snapshot.containments(), touched);
  if (stop !== undefined) return refusal(stop.code);
  if (agent.credentialEpoch !== decision.epochs.credential) return changed('The validity of the credential');
  if (snapshot.sessionRevoked(credential.sid)) return changed('The validity of the session');
  if (snapshot.instance(credential.instanceId)?.state !== 'active')
    return changed('The enrolment of the instance');
  if (clock.nowMs() >= credential.expiresAtMs) return changed('The validity of the credential');
  if (agent.epoch !== decision.epochs.agent) return changed('The agent or its level');
  if (brokenChain(credential, { above }) !== undefined) return refusal('identity.delegation_over');
  if (above.some((each, at) => each.agent?.epoch !== world.above?.[at]?.agent?.epoch))
    return changed('An agent for which it works, or its level');
  const serverDoc = snapshot.server(server);
  if (serverDoc === undefined || serverDoc.epoch !== decision.epochs.server)
    return changed('The tool server');
  const tool = toolAsOffered(ports, server, name, credential.instanceId);
  if (tool?.state === 'quarantined') return refusal('segmentation.tool_quarantined');
  if (tool?.state === 'removed') return refusal('segmentation.tool_removed');
  if (tool?.state !== 'active' || tool.epoch !== decision.epochs.tool) return changed('The tool');
  if (tool.definitionDigest !== world.tool?.definitionDigest) return changed('The definition of the tool');
  const policy = snapshot.policy();
  if (policy === undefined || policy.epoch !== decision.epochs.policy) return changed('The policy');
  if (upstream.live(serverDoc, credential.instanceId, name).state !== 'offered') {
    return refusal(
      'upstream.unavailable',
      'What the server offers could not be compared with what was accepted.',
    );
  }
  return undefined;
}
