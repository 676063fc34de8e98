/** Room: approvals. What gateways and people are told about an approval, from its row. */
import { sha256 } from '@atf/core/digest';
import type { Approval, Person } from '@atf/core/wire/api';
import type { ApprovalDoc, Classification } from '@atf/core/wire/feed';
import { canonicalJson } from '@atf/core/wire/json';
import type { ApprovalState } from '@atf/core/wire/words';
import type { Control, Db, Tx } from '../context.ts';
import { type AgentRow, agentById, currentVersions, peopleByIds } from '../identity/store.ts';
import { toolByName } from '../segmentation/store.ts';
import { briefOf } from './brief.ts';
import { type ApprovalRow, precedents } from './store.ts';
import { mayReadContent } from './who.ts';

/** Time decides before anybody has noticed it. */
export function stateAt(row: Pick<ApprovalRow, 'state' | 'expires_at'>, nowMs: number): ApprovalState {
  return (row.state === 'waiting' || row.state === 'approved') && row.expires_at <= nowMs
    ? 'expired'
    : row.state;
}

/** What the approver posts back: everything that would run, and until when. */
export function shownDigestOf(
  row: Pick<
    ApprovalRow,
    'id' | 'agent_id' | 'tool' | 'definition_digest' | 'args_digest' | 'expires_at' | 'nonce'
  >,
): string {
  return sha256(
    canonicalJson({
      id: row.id,
      agent: row.agent_id,
      tool: row.tool,
      definition: row.definition_digest,
      arguments: row.args_digest,
      expires: row.expires_at,
      nonce: row.nonce,
    }),
  );
}

export function approvalDocOf(row: ApprovalRow, decidedBy: string | undefined): ApprovalDoc {
  return {
    id: row.id,
    agentId: row.agent_id,
    sid: row.sid,
    tool: row.tool,
    argsDigest: row.args_digest,
    definitionDigest: row.definition_digest,
    state: row.state,
    expiresAt: new Date(row.expires_at).toISOString(),
    requestedAt: new Date(row.requested_at).toISOString(),
    changedAt: new Date(changedAt(row)).toISOString(),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** The last moment that its row knows of. */
const changedAt = (row: ApprovalRow): number =>
  Math.max(row.requested_at, row.decided_at ?? 0, row.consumed_at ?? 0, row.finished_at ?? 0);

/** Tells gateways how an approval stands now. */
export async function tellApproval(control: Control, tx: Tx, row: ApprovalRow): Promise<void> {
  const people =
    row.decided_by_id === null
      ? new Map()
      : await peopleByIds(tx, control.config.tenant, [row.decided_by_id]);
  const name: string | undefined =
    row.decided_by_id === null ? undefined : people.get(row.decided_by_id)?.name;
  await control.feed.put(tx, 'approval', row.id, approvalDocOf(row, name));
}

/** What only some may read. */
export interface Content {
  readonly argsText?: string;
  readonly statedText?: string;
}

interface Around {
  readonly agent: AgentRow | undefined;
  readonly purpose: string;
  readonly reversible: boolean;
  readonly inverse: string | undefined;
  readonly decidedBy: string | undefined;
  readonly precedents: Approval['precedents'];
  readonly nowMs: number;
  readonly approver: string | undefined;
  readonly content: Content;
  readonly brief: Approval['brief'];
}

function viewOf(row: ApprovalRow, around: Around): Approval {
  const { agent, purpose, reversible, inverse, decidedBy, nowMs, approver, content, brief } = around;
  return {
    id: row.id,
    state: stateAt(row, nowMs),
    agent: { id: row.agent_id, name: agent?.name ?? 'unknown', level: agent?.level ?? 'intern', purpose },
    tool: row.tool,
    class: row.class,
    reversible,
    ...(inverse === undefined ? {} : { inverse }),
    ...(brief === undefined ? {} : { brief }),
    ...content,
    ...(approver === undefined ? {} : { approver }),
    argsDigest: row.args_digest,
    definitionDigest: row.definition_digest,
    shownDigest: row.shown_digest,
    because: row.because,
    requestedAt: new Date(row.requested_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(row.decided_at === null ? {} : { decidedAt: new Date(row.decided_at).toISOString() }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    precedents: around.precedents,
  };
}

/** `content` is shown for single approvals only, and only to people who may read it; the brief to a `reader` who may. */
export async function approvalViews(
  control: Control,
  rows: readonly ApprovalRow[],
  content: Content = {},
  db: Db | Tx = control.db,
  reader?: Person,
): Promise<Approval[]> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const agents = new Map<string, AgentRow>();
  for (const id of new Set(rows.map((row) => row.agent_id))) {
    const agent = await agentById(db, tenant, id);
    if (agent !== undefined) agents.set(id, agent);
  }
  const versions = await currentVersions(db, tenant, [...agents.values()]);
  const people = await peopleByIds(
    db,
    tenant,
    rows.flatMap(({ decided_by_id, for_person_id }) =>
      [decided_by_id, for_person_id].filter((personId) => personId !== null),
    ),
  );
  const before = await precedents(db, tenant, [...agents.keys()]);
  const tools = new Map<string, Partial<Classification>>();
  for (const ref of new Set(rows.map((row) => row.tool))) {
    const slash = ref.indexOf('/');
    const tool = await toolByName(db, tenant, ref.slice(0, slash), ref.slice(slash + 1));
    tools.set(ref, tool?.classification ?? {});
  }
  return rows.map((row) => {
    const earlier = before.find((other) => other.agent_id === row.agent_id && other.tool === row.tool);
    const own = row.decided_at === null ? undefined : row.state === 'rejected' ? 'rejected' : 'approved';
    return viewOf(row, {
      agent: agents.get(row.agent_id),
      purpose: versions.get(row.agent_id)?.manifest.purpose ?? '',
      // Said of the tool as it is classified, not of a statement that does more.
      reversible:
        (tools.get(row.tool)?.class ?? 'admin') === row.class && (tools.get(row.tool)?.reversible ?? false),
      inverse: tools.get(row.tool)?.inverse,
      decidedBy: row.decided_by_id === null ? undefined : people.get(row.decided_by_id)?.name,
      // Other calls than this one: what was decided about it is said elsewhere.
      precedents: {
        approved: Math.max(0, (earlier?.approved ?? 0) - (own === 'approved' ? 1 : 0)),
        rejected: Math.max(0, (earlier?.rejected ?? 0) - (own === 'rejected' ? 1 : 0)),
      },
      nowMs,
      approver:
        row.for_person_id === null ? (row.for_role ?? undefined) : people.get(row.for_person_id)?.name,
      content,
      brief:
        reader !== undefined && mayReadContent(reader, agents.get(row.agent_id))
          ? briefOf(control, row, tools.get(row.tool)?.arguments ?? {})
          : undefined,
    });
  });
}
