/**
 * Room: data (D-5). What one leaf of the log says about lineage. Pure, and strict: leaves of gateways are bytes that a gateway made, so what does not have the form of a
 * record says nothing here. A gateway speaks of calls; who works on which task is control's to say.
 */
import type { Entry } from '@atf/core/audit/entry';
import { isGatewaySource } from '@atf/core/audit/entry';
import { origins } from '@atf/core/segmentation/provenance/session-memory';
import { actionClassSchema, outputTrustSchema, sensitivitySchema, uuidSchema } from '@atf/core/wire/words';
import { z } from 'zod';
import type { LineageTables } from './tables.ts';

type Row<T extends keyof LineageTables> = Omit<LineageTables[T], 'tenant'>;
export type ActionRow = Row<'lineage_action'>;
export type ValueRow = Row<'lineage_value'>;
export type SessionRow = Row<'lineage_session'>;
export type OutcomeRow = Pick<ActionRow, 'action' | 'agent' | 'status' | 'ended_at' | 'labels'>;

export interface LeafFacts {
  readonly actions: readonly ActionRow[];
  readonly values: readonly ValueRow[];
  readonly sessions: readonly SessionRow[];
  readonly outcomes: readonly OutcomeRow[];
}

const valuesMax = 100;
const labelsMax = 50;
const name = z.string().min(1).max(400);

const decisionSchema = z.object({
  actionId: uuidSchema,
  agentId: uuidSchema,
  sid: uuidSchema,
  server: z.string().min(1).max(64),
  tool: z.string().min(1).max(300),
  class: actionClassSchema.optional(),
  facts: z.object({
    provenance: z
      .array(
        z.object({
          argument: z.string().max(200),
          origin: z.enum(origins),
          from: name.optional(),
          action: uuidSchema.optional(),
        }),
      )
      .max(valuesMax),
    chain: z
      .object({ links: z.array(z.object({ sid: uuidSchema, agentId: uuidSchema })).max(50) })
      .optional(),
    tool: z
      .object({
        classification: z.object({
          class: actionClassSchema.optional(),
          sensitivity: sensitivitySchema,
          outputTrust: outputTrustSchema,
        }),
      })
      .optional(),
  }),
});

const outcomeSchema = z.object({
  actionId: uuidSchema,
  agentId: uuidSchema,
  status: z.enum(['done', 'failed', 'aborted', 'not_executed', 'unknown']),
  startedAt: z.iso.datetime(),
  durationMs: z.number().min(0).max(86_400_000),
  data: z.object({ labels: z.array(z.string().max(60)).max(labelsMax) }).optional(),
});

const takenSchema = z.object({ taskId: uuidSchema, agentId: uuidSchema, sid: uuidSchema });

const decidedWords: Readonly<Record<string, string>> = {
  'action.intent': 'allowed',
  'action.asked': 'waiting',
  'action.refused': 'refused',
};

const nothing: LeafFacts = { actions: [], values: [], sessions: [], outcomes: [] };

function decisionFacts(logIndex: number, { at, body }: Entry, decided: string): LeafFacts {
  const read = decisionSchema.safeParse(body);
  if (!read.success) return nothing;
  const { actionId: action, agentId: agent, sid: session, server, tool, facts, ...rest } = read.data;
  const parent = facts.chain?.links.at(-1)?.sid ?? null;
  const row: ActionRow = {
    action,
    log_index: logIndex,
    at: Date.parse(at),
    agent,
    session,
    source: `${server}/${tool}`,
    class: rest.class ?? null,
    decided,
    sensitivity: facts.tool?.classification.sensitivity ?? null,
    trust: facts.tool?.classification.outputTrust ?? null,
    status: null,
    ended_at: null,
    labels: null,
  };
  // What nobody gave has no edge.
  const known = facts.provenance.filter(({ origin, from }) => from !== undefined || origin === 'task');
  const byArgument = new Map(known.map((each) => [each.argument, each]));
  return {
    actions: [row],
    values: [...byArgument.values()].map(({ argument, origin, from, action: gave }) => ({
      action,
      argument,
      origin,
      log_index: logIndex,
      from_source: from ?? null,
      from_action: gave === action ? null : (gave ?? null),
    })),
    sessions: [
      { session, log_index: logIndex, agent, task: null, parent: parent === session ? null : parent },
    ],
    outcomes: [],
  };
}

function outcomeFacts({ body }: Entry): LeafFacts {
  const read = outcomeSchema.safeParse(body);
  if (!read.success) return nothing;
  const { actionId: action, agentId: agent, status, startedAt, durationMs, data } = read.data;
  return {
    ...nothing,
    outcomes: [
      {
        action,
        agent,
        status,
        ended_at: Math.round(Date.parse(startedAt) + durationMs),
        labels: data === undefined ? null : JSON.stringify(data.labels),
      },
    ],
  };
}

export function factsOfLeaf(logIndex: number, entry: Entry): LeafFacts {
  const { type, source, body } = entry;
  const decided = decidedWords[type];
  if (isGatewaySource(source)) {
    if (decided !== undefined) return decisionFacts(logIndex, entry, decided);
    return type === 'action.outcome' ? outcomeFacts(entry) : nothing;
  }
  if (type !== 'identity.task_taken') return nothing;
  const taken = takenSchema.safeParse(body);
  if (!taken.success) return nothing;
  const { taskId: task, agentId: agent, sid: session } = taken.data;
  return { ...nothing, sessions: [{ session, log_index: logIndex, agent, task, parent: null }] };
}
