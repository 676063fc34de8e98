/** Room: activity (B-1, B-2, B-5). What happened, the story of one action, and how the log stands. */
import { leafHash } from '@atf/core/audit/merkle';
import { refuse } from '@atf/core/errors';
import type { DecisionRecord } from '@atf/core/record';
import type { ActionStory, Person } from '@atf/core/wire/api';
import { pendingCount } from '../audit/store.ts';
import type { Control, Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentById, agentByRef } from '../identity/store.ts';
import { leavesOfAction, payloadText } from './action-leaves.ts';
import { toldOf } from './explained.ts';
import { decisionViewOf } from './item.ts';
import type { ReadableLog } from './log-reader.ts';
import { activityPage, itemsOf } from './page.ts';

const pageDefault = 100;
const cursorPattern = /^\d{1,15}$/;

function placeOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  return cursorPattern.test(cursor)
    ? Number(cursor)
    : refuse('request.malformed', 'before: not a cursor of this list');
}

/** Who may read arguments and results: those who answer for the agent, and those whose work is to look. */
async function mayRead(control: Control, person: Person, agentId: string | undefined): Promise<boolean> {
  if (person.roles.some((role) => role === 'operator' || role === 'security' || role === 'auditor'))
    return true;
  if (agentId === undefined) return false;
  const agent = await agentById(control.db, control.config.tenant, agentId);
  return [agent?.owner_id, agent?.technical_owner_id, agent?.business_owner_id].includes(person.id);
}

async function storyOf(
  control: Control,
  log: ReadableLog,
  actionId: string,
  person: Person,
): Promise<ActionStory> {
  const { leaves, decided, ended } = await leavesOfAction(control, log, actionId);
  if (leaves.length === 0) return refuse('audit.not_found');
  const readable = await mayRead(control, person, decided?.entry.agent);
  const argsText = readable ? await payloadText(control, decided) : undefined;
  const resultText = readable ? await payloadText(control, ended) : undefined;
  return {
    actionId,
    items: await itemsOf(control, leaves),
    ...(decided === undefined
      ? {}
      : {
          sid: (decided.entry.body as unknown as DecisionRecord).sid,
          decision: decisionViewOf(decided.entry.body as unknown as DecisionRecord),
          told: await toldOf(control, decided.entry.body as unknown as DecisionRecord, argsText),
        }),
    ...(argsText === undefined ? {} : { argsText }),
    ...(resultText === undefined ? {} : { resultText }),
    records: leaves.map(({ index, bytes }) => ({
      index,
      leafHash: Buffer.from(leafHash(bytes)).toString('base64url'),
      entry: Buffer.from(bytes).toString(),
    })),
  };
}

export function activityRoutes(
  log: ReadableLog,
): Handlers<'activity.list' | 'actions.show' | 'audit.status'> {
  return {
    async 'activity.list'(control, { query }) {
      const agent =
        query.agent === undefined
          ? undefined
          : await agentByRef(control.db, control.config.tenant, query.agent);
      if (query.agent !== undefined && agent === undefined) return refuse('identity.agent_not_found');
      const items = await activityPage(control, log, {
        before: placeOf(query.before),
        agent: agent?.id,
        outcome: query.outcome,
        limit: query.limit ?? pageDefault,
      });
      return { items };
    },

    async 'actions.show'(control, { params, actor }) {
      return storyOf(control, log, params.id, actingPerson(actor));
    },

    async 'audit.status'(control) {
      // Counted before the status is read: what moves from the one to the other meanwhile counts twice, never not at all.
      const waiting = await pendingCount(control.db, control.config.tenant);
      const size = await log.treeSize();
      const { signedSize, checkpoint } = log.status();
      const vkey = await log.store.get('log.vkey');
      const witnessing = log.witnessing();
      return {
        size: signedSize,
        rootHash: checkpoint.split('\n')[2] ?? '',
        checkpoint,
        vkey: vkey === undefined ? '' : Buffer.from(vkey).toString().trim(),
        // Also what stands in the tree and no checkpoint covers yet.
        pending: waiting + Math.max(0, size - signedSize),
        ...(witnessing === undefined ? {} : { witnessing }),
      };
    },
  };
}
