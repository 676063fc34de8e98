/** SHA-256 digests in the one text form that ATF uses everywhere: base64url without padding (43 characters). */
import { createHash } from 'node:crypto';

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}
