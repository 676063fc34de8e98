/** SHA-256 digests in the one text form that ATF uses everywhere: base64url without padding (43 characters). */
import { hash } from 'node:crypto';

export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64url');
}
