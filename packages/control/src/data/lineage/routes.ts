/** Room: data (D-5). Questions about lineage: by role, recorded before they are answered, a few at a time. */
import { provOf } from '@atf/core/data/lineage/prov';
import { refuse } from '@atf/core/errors';
import { plainText } from '@atf/core/segmentation/provenance/plain-text';
import type { LineageGraph, LineageQuestion } from '@atf/core/wire/lineage';
import { toolRefSchema, uuidSchema } from '@atf/core/wire/words';
import type { ReadableLog } from '../../activity/log-reader.ts';
import type { Actor, Control, Handlers } from '../../context.ts';
import { actingPerson } from '../../identity/acting.ts';
import { agentByRef } from '../../identity/store.ts';
import { Lane } from '../../policy/lane.ts';
import { LineageIndex } from './follow.ts';
import { recordsWith } from './values.ts';
import { LineageWalk } from './walk.ts';

const waitingMax = 8;
/** Characters that count of a value; less stands everywhere by chance. */
const valueMin = 3;

export function lineageRoutesOf(
  log: ReadableLog,
): Handlers<'lineage.graph' | 'lineage.prov' | 'lineage.value'> {
  const lane = new Lane(waitingMax, 'too many questions about lineage');
  let index: LineageIndex | undefined;
  const upToDate = (control: Control) => {
    index ??= new LineageIndex(control, log);
    return index.follow();
  };

  async function graphOf(control: Control, actor: Actor, question: LineageQuestion): Promise<LineageGraph> {
    const person = actingPerson(actor);
    const { roots, direction } = question;
    // What is no id does not come into the record of the question.
    for (const { kind, id } of roots)
      if (!(kind === 'source' ? toolRefSchema : uuidSchema).safeParse(id).success)
        refuse('request.malformed', `roots: no id of a ${kind}`);
    await control.change((tx) =>
      control.audit.enqueue(tx, 'data.lineage_asked', { byId: person.id, about: roots, direction }),
    );
    return await lane.run(async () => {
      const behind = await upToDate(control);
      return await new LineageWalk(control, question).graph(behind);
    });
  }

  return {
    'lineage.graph': (control, { body, actor }) => graphOf(control, actor, body),

    async 'lineage.prov'(control, { body, actor }) {
      return { ...provOf(await graphOf(control, actor, body)) };
    },

    async 'lineage.value'(control, { body, actor }) {
      const person = actingPerson(actor);
      const { value, agent: name, where, before } = body;
      if (plainText(value).length < valueMin)
        refuse('request.malformed', `value: at least ${valueMin} letters or digits`);
      const agent =
        name === undefined
          ? undefined
          : ((await agentByRef(control.db, control.config.tenant, name)) ??
            refuse('identity.agent_not_found'));
      await control.change((tx) =>
        control.audit.enqueue(tx, 'data.lineage_asked', {
          byId: person.id,
          about: 'value',
          ...(agent === undefined ? {} : { agentId: agent.id }),
          ...(where === undefined ? {} : { where }),
        }),
      );
      return await lane.run(async () => {
        await upToDate(control);
        return await recordsWith(control, { value, agentId: agent?.id, where, before });
      });
    },
  };
}
