/** Shapes that routes of many rooms have in common. */
import { z } from 'zod';
import { uuidSchema } from './words.ts';

/** The parameter of a path that names one object. */
export const id = z.object({ id: uuidSchema });
export const ok = z.object({ ok: z.literal(true) });
export const text = (max: number) => z.string().max(max);
/** A person's own words for the record. */
export const reason = z.string().trim().min(1).max(500);
export const list = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
