/**
 * Room: activity (B-5). A recorded decision in plain words, and what would have changed it: the words from the record alone; the rest by deciding again, under the set
 * that was in force then. What cannot be decided again is said to be so.
 */
import { decide } from '@atf/core/decide';
import { decisionSentences } from '@atf/core/decision-words';
import type { DecisionRecord } from '@atf/core/record';
import { openRecord, type Rebuilt } from '@atf/core/replay';
import type { ActionStory } from '@atf/core/wire/api';
import { whatIf, whatIfSentences } from '@atf/core/what-if';
import type { Control } from '../context.ts';
import { argumentsIn } from '../policy/backtest/bundle.ts';
import { factsFor } from '../policy/backtest/sources.ts';
import { policyByDigest } from '../policy/load.ts';

/** What was known then; `argsText` undefined: not readable, or erased. */
async function worldThen(
  control: Control,
  record: DecisionRecord,
  argsText: string | undefined,
): Promise<Rebuilt> {
  const { facts, definitionDigest, policyDigest } = record;
  const above = facts.chain?.links.flatMap(({ agent }) => agent?.manifestDigest ?? []) ?? [];
  const own = facts.agent === undefined ? [] : [facts.agent.manifestDigest];
  const known = await factsFor(control, {
    manifests: [...new Set([...own, ...above])],
    definitions: definitionDigest === undefined ? [] : [definitionDigest],
    payloads: [],
  });
  const manifests = new Map(known.manifests);
  const definitions = new Map(known.definitions);
  const policy = policyDigest === undefined ? undefined : await policyByDigest(control, policyDigest);
  const opened = openRecord(record, {
    manifest: (digest) => manifests.get(digest) ?? undefined,
    definition: (digest) => definitions.get(digest) ?? undefined,
    policy: () => policy,
  });
  if ('missing' in opened) return { ok: false, missing: opened.missing };
  if (!opened.needsArguments) return opened.world(undefined);
  return opened.world(
    argsText === undefined ? undefined : argumentsIn(argsText, record.payload?.stated === true),
  );
}

const notKnown: Readonly<Record<string, string>> = {
  arguments: 'its arguments count, and they were erased or are not for your roles',
  policy: 'the policies of then are not kept',
  definition: 'the definition of the tool of then is not kept',
  manifest: 'the manifest of then is not kept',
  record: 'its record is of another form',
};

export async function toldOf(
  control: Control,
  record: DecisionRecord,
  argsText: string | undefined,
): Promise<NonNullable<ActionStory['told']>> {
  const decision = decisionSentences(record);
  const cannot = (why: string) => ({
    decision,
    otherwise: [`What would have changed it cannot be worked out: ${why}.`],
  });
  if ((record.facts as DecisionRecord['facts'] | undefined) === undefined)
    return cannot(notKnown['record'] ?? '');
  const then = await worldThen(control, record, argsText);
  if (!then.ok) return cannot(notKnown[then.missing.what] ?? '');
  const again = decide(then.received, then.world);
  if (again.outcome !== record.outcome || again.refusal?.code !== record.code)
    return cannot('another version of ATF made it');
  return { decision, otherwise: whatIfSentences(whatIf(then.received, then.world, again), again.outcome) };
}
