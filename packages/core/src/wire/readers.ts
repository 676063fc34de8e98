/** Services that read bytes which are no text (pictures, sound, documents), as `readers` in the settings names them. */
import { z } from 'zod';
import { serviceNameSchema } from './own-detectors.ts';

export const readersMax = 5;

/** `image/png`, `image/*`. */
const mediaTypeSchema = z.string().regex(/^(?:(?:image|audio|video)\/\*|[a-z]{1,40}\/[a-z0-9.+-]{1,100})$/);

export const readerSchema = z.strictObject({
  types: z.array(mediaTypeSchema).min(1).max(20),
  /** As with detectors: policy names it, the host says where it is. */
  service: serviceNameSchema,
  /** For all that it reads of one value. */
  timeoutMs: z.int().min(50).max(30_000).default(10_000),
});
export type Reader = z.output<typeof readerSchema>;
export const readersSchema = z.array(readerSchema).max(readersMax);
