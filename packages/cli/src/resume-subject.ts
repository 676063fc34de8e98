/** What a person confirms when something is resumed: exactly the request that will follow (`resumeShownText` of the contract). */
import { sha256 } from '@atf/core/digest';
import { containmentKey } from '@atf/core/incident/scope-id';
import { type CeilingWord, type PresenceSubject, resumeShownText } from '@atf/core/wire/api';
import type { Scope } from '@atf/core/wire/words';

export interface ResumeRequest {
  readonly scope: Scope;
  readonly reason: string;
  readonly ceiling?: CeilingWord | undefined;
  readonly totals?: 'as_backup' | undefined;
}

export function resumeSubject(request: ResumeRequest): PresenceSubject {
  return { kind: 'resume', id: containmentKey(request.scope), digest: sha256(resumeShownText(request)) };
}
