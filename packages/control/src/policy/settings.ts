/**
 * Room: policy (S-2, S-3). The figures of `settings.yaml`: checked like policies, digested and activated together with them.
 */
import { ownDetectorsProblems } from '@atf/core/data/own/own-detectors';
import { problemsOf } from '@atf/core/data/output/rules';
import { bothNamed, unknownWords } from '@atf/core/data/sensitive';
import { mostInAMinute } from '@atf/core/segmentation/followed';
import { followedBoundsSchema } from '@atf/core/wire/adaptive';
import { callsSharedSchema } from '@atf/core/wire/feed';
import { cascadeSchema, isTimeZone } from '@atf/core/wire/manifest';
import { boundaryOfferSchema, offersMax } from '@atf/core/wire/negotiation';
import { injectionSchema } from '@atf/core/wire/injection';
import { memorySchema } from '@atf/core/wire/memory';
import { retrievalSettingsSchema } from '@atf/core/wire/retrieval';
import {
  ownDetectorsSchema,
  ownModelsMax,
  ownSchemasMax,
  ownServicesMax,
} from '@atf/core/wire/own-detectors';
import { outputSchema } from '@atf/core/wire/output';
import { readersSchema } from '@atf/core/wire/readers';
import { sensitiveSchema } from '@atf/core/wire/sensitive';
import { judgeSettingsSchema } from '@atf/core/wire/judge';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { actionClassSchema, levelSchema } from '@atf/core/wire/words';
import { z } from 'zod';

const settingsBytesMax = 65_536;
const timeZonesMax = 20;

/** No figure may make a guarantee meaningless: a token that lives for days is a standing credential. */
const figuresSchema = z.strictObject({
  tokenSeconds: z.record(levelSchema, z.int().min(10).max(28_800)),
  approvalSeconds: z.int().min(10).max(86_400),
  callsDefault: z.record(
    levelSchema,
    z.strictObject({ max: z.int().min(1).max(1_000_000), perSeconds: z.int().min(1).max(86_400) }),
  ),
  /** Rates of Principals follow what is usual for each, between these figures; absent: they do not. */
  callsFollowed: followedBoundsSchema.optional(),
  /** Calls per period that agents share. */
  callsShared: callsSharedSchema.default({}),
  /** What is done with results that look like injected orders; absent: what ships (core/data/injection.ts). */
  injection: injectionSchema.optional(),
  /** What is done with what agents write where agents read it later; absent: what ships (core/data/memory.ts). */
  memory: memorySchema.optional(),
  /** From which trust on retrieval sources are not doubted; absent: what ships (core/segmentation/retrieval.ts). */
  retrieval: retrievalSettingsSchema.optional(),
  /** What is masked in results, by level, and what no call sends; absent: what ships (core/data/sensitive.ts). */
  sensitive: sensitiveSchema.optional(),
  /** Detectors of the company's own. */
  detectors: ownDetectorsSchema
    .refine(
      (detectors) => new Set(detectors.map(({ id }) => id)).size === detectors.length,
      'two detectors have one id',
    )
    .refine(
      (detectors) => detectors.filter((own) => 'schema' in own).length <= ownSchemasMax,
      `more than ${ownSchemasMax} look for values by a schema`,
    )
    .refine(
      (detectors) => detectors.filter((own) => 'service' in own).length <= ownServicesMax,
      `more than ${ownServicesMax} ask a service`,
    )
    .refine(
      (detectors) => detectors.filter((own) => 'model' in own).length <= ownModelsMax,
      `more than ${ownModelsMax} ask a model`,
    )
    .default([]),
  /** Who reads pictures, sound and documents, so that detectors can look at them; absent: nobody. */
  readers: readersSchema.optional(),
  /** What is done with what agents say to others; absent: what ships (core/data/output/defaults.ts). */
  output: outputSchema
    .superRefine(({ rules = [] }, context) => {
      for (const message of problemsOf(rules)) context.addIssue({ code: 'custom', message, path: ['rules'] });
    })
    .optional(),
  /** Classes of which a call may not be approved by the person who brought the asking instance in. */
  fourEyes: z.array(actionClassSchema).max(5),
  /** Classes of which the owner and the technical owner may approve calls of their own agent: none unless it is said. */
  ownersMayApprove: z.array(actionClassSchema).max(5).default([]),
  /** How far agents may pass work on (S-5). */
  cascade: cascadeSchema.default({ depthMax: 3, fanOutMax: 5, callsMax: 1000 }),
  /** What Principals may widen for themselves for a time. */
  negotiable: z
    .array(boundaryOfferSchema)
    .max(offersMax)
    .refine(
      (offers) => new Set(offers.map(({ name }) => name)).size === offers.length,
      'two offers have one name',
    )
    .default([]),
  /** Time zones that policies may ask about (`context.time["Europe/Berlin"]`). */
  timeZones: z
    .array(z.string().refine(isTimeZone, 'no time zone of this name, for example Europe/Berlin'))
    .max(timeZonesMax)
    .refine((zones) => new Set(zones).size === zones.length, 'a time zone stands in it twice')
    .default([]),
  upstreamTimeoutMs: z.int().min(100).max(600_000),
  /** Classes of which a call runs only when its record is at control, too, and not on the gateway's disk alone. */
  replicated: z.array(actionClassSchema).max(5).default([]),
  /** Asked whether calls fit what they are for. */
  judge: judgeSettingsSchema.optional(),
});
export const settingsSchema = figuresSchema.superRefine(({ sensitive, detectors, ...rest }, context) => {
  const { callsFollowed, callsDefault } = rest;
  const most = mostInAMinute(callsDefault.principal);
  if (callsFollowed !== undefined && callsFollowed.ceiling < most)
    context.addIssue({
      code: 'custom',
      path: ['callsFollowed', 'ceiling'],
      message: `it is below callsDefault.principal, which lets through ${most} in a minute and holds where nothing is usual yet: lower that first`,
    });
  if (sensitive === undefined) return;
  const { masked, tokenised = {}, tokens, neverSent } = sensitive;
  const given = (tokens?.givenTo ?? []).flatMap(({ of }) => of);
  for (const id of bothNamed(given, neverSent, detectors))
    context.addIssue({
      code: 'custom',
      path: ['sensitive', 'tokens', 'givenTo'],
      message: `${id} is never sent, and so given to no tool`,
    });
  const words = [...Object.values(masked).flat(), ...Object.values(tokenised).flat(), ...given, ...neverSent];
  for (const word of unknownWords(words, detectors))
    context.addIssue({
      code: 'custom',
      path: ['sensitive'],
      message: `${word} is no category and no detector`,
    });
});
export type Settings = z.infer<typeof settingsSchema>;

export function parseSettings(
  text: string,
): { ok: true; settings: Settings } | { ok: false; problems: string[] } {
  const read = parseStrictYaml(text, settingsBytesMax);
  if (!read.ok) return { ok: false, problems: [read.problem] };
  const checked = settingsSchema.safeParse(read.value);
  if (checked.success) {
    // Made and tried when a set is checked, not whenever it is read again.
    const problems = ownDetectorsProblems(checked.data.detectors).map((problem) => `detectors: ${problem}`);
    return problems.length === 0 ? { ok: true, settings: checked.data } : { ok: false, problems };
  }
  return {
    ok: false,
    problems: checked.error.issues.map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`),
  };
}
