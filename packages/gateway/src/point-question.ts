/** What every question of an enforcement point has: it is read strictly, asked with an instance that the point holds, and recorded before it is answered. */
import type { EntryDraft } from '@atf/core/audit/entry';
import { type Refusal, refusal } from '@atf/core/errors';
import type { PointFacts } from '@atf/core/wire/enforcement';
import { canonicalJson, isJsonObject, type JsonObject, parseStrict } from '@atf/core/wire/json';
import type { CredentialFacts } from '@atf/core/world';
import { sealText } from './payload.ts';
import type { Pipeline } from './pipeline.ts';
import type { Ports, SnapshotPort } from './ports.ts';
import { isoOf } from './record.ts';

const bounds = { bytesMax: 1_048_576, depthMax: 32, valuesMax: 50_000 };
/** A question's credential counts for this one question. */
const credentialMs = 60_000;

export function readQuestion(
  { snapshot }: Pick<Ports, 'snapshot'>,
  body: Uint8Array,
): { readonly value: JsonObject } | { readonly refusal: Refusal } {
  // Nothing is answered from what may be out of date.
  if (!snapshot.fresh()) return { refusal: refusal('containment.feed_stale') };
  const parsed = parseStrict(body, bounds);
  if (!parsed.ok)
    return { refusal: refusal('request.malformed', `JSON: ${parsed.problem} at ${parsed.offset}`) };
  return isJsonObject(parsed.value)
    ? { value: parsed.value }
    : { refusal: refusal('request.malformed', 'The body is not an object.') };
}

type Held = PointFacts['agents'][number];

/** The agent of this id or name that the point may ask about. */
export const heldAgent = (
  { agents }: PointFacts,
  named: string,
  snapshot: Pick<SnapshotPort, 'agent'>,
): Held | undefined =>
  agents.find(({ agentId }) => agentId === named || snapshot.agent(agentId)?.name === named);

/** As the instance that the point holds of this agent. */
export const credentialOf = (
  { ports, pipeline }: { readonly ports: Ports; readonly pipeline: Pipeline },
  { proves }: PointFacts,
  held: Held,
): CredentialFacts => ({
  ...held,
  jti: pipeline.newActionId(),
  expiresAtMs: ports.clock.nowMs() + credentialMs,
  proof: proves ? 'dpop' : 'none',
});

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly code?: string | undefined;
}

/** What is wrong with the shape; never what stands in it. */
export const malformed = (issues: readonly Issue[]): Refusal =>
  refusal(
    'request.malformed',
    issues
      .slice(0, 5)
      .map(({ path, code }) => `${path.map(String).join('.') || 'body'}: ${code ?? 'invalid'}`)
      .join('; ')
      .slice(0, 500),
  );

export interface Questioned {
  readonly id: string;
  readonly point: PointFacts;
  /** Sealed: who and what it is about may be personal. */
  readonly question: unknown;
  readonly allowed: boolean;
}

/** Durable when it resolves with undefined. */
export async function recordQuestion(
  ports: Ports,
  { id, point, question, allowed }: Questioned,
  facts: JsonObject,
): Promise<Refusal | undefined> {
  const settings = ports.snapshot.settings();
  const wrapping = ports.wrappingKey();
  if (settings === undefined || wrapping === undefined || !ports.snapshot.fresh())
    return refusal('audit.record_unavailable', 'The control plane has not said yet how to record.');
  const { ref, frame } = sealText(id, canonicalJson(question as JsonObject), wrapping, ports.random);
  const draft: EntryDraft = {
    type: 'policy.question_answered',
    at: isoOf(ports.clock.nowMs()),
    tenant: settings.tenant,
    outcome: allowed ? 'allowed' : 'refused',
    payload: { id: ref.id, commitment: ref.commitment },
    body: {
      questionId: id,
      pointId: point.id,
      point: point.name,
      ...facts,
      payload: { ...ref } as unknown as JsonObject,
    },
  };
  const appended = await ports.spool.append(draft, frame);
  return appended.ok ? undefined : appended.refusal;
}
