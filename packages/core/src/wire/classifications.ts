/** What a person says about tools, as requests carry it. As a file: `classification-file.ts`, apart from here, because pages of the console need no YAML. */
import { z } from 'zod';
import { classificationSchema } from './documents.ts';
import { governedNameLengthMax } from './words.ts';

export const classifiedToolsMax = 1_000;

/** What of a classification a person says. */
export const saidOfToolSchema = classificationSchema.omit({ by: true }).partial();
/** Name of the tool → what is said about it; what is not said stays as it was. */
export const saidOfToolsSchema = z
  .record(z.string().min(1).max(governedNameLengthMax), saidOfToolSchema)
  .refine(
    (tools) => Object.keys(tools).length <= classifiedToolsMax,
    `more than ${classifiedToolsMax} tools`,
  );
export type SaidOfTools = z.infer<typeof saidOfToolsSchema>;
