/** How often decisions would be others, in bounded tables: shapes that backtests and the shadow have in common. Words are only ever added. */
import { z } from 'zod';
import { text } from './shapes.ts';

/** Rows of one table; what does not fit is added up in one more for each kind, under the name `…`. */
export const changeCountsMax = 200;
/** The name under which counts are added up that did not fit. */
export const changeRest = '…';
/** Kinds: of three outcomes, before and after. */
const kindsMax = 9;

export const outcomeSchema = z.enum(['allow', 'ask', 'refuse']);
export const countSchema = z.int().min(0);

/** One kind of change, and how often. */
export const changeKindCountSchema = z.object({
  was: outcomeSchema,
  would: outcomeSchema,
  count: countSchema,
});
export type ChangeKindCount = z.infer<typeof changeKindCountSchema>;
/** `of`: the name of an agent, a tool or a policy. */
export const changeCountSchema = changeKindCountSchema.extend({ of: text(400) });
export type ChangeCount = z.infer<typeof changeCountSchema>;

const table = z.array(changeCountSchema).max(changeCountsMax + kindsMax);
/** The most frequent first. */
export const changeCountsShape = {
  counts: z.array(changeKindCountSchema).max(kindsMax),
  agents: table,
  tools: table,
  rules: table,
};
const changeCountsSchema = z.object(changeCountsShape);
export type ChangeCounts = z.infer<typeof changeCountsSchema>;
