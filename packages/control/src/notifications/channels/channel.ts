/** Room: notifications. What a channel is: one file each. It renders a message in its own form, sends it, and says in few words what came of it. */
import type { Channel } from '@atf/core/wire/notifications';
import type { Posted, Resolve } from '../dial.ts';
import type { Message } from '../message.ts';

export type Sent =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** One of few words; never what the other side said. */
      readonly problem: string;
      /** No later attempt can succeed. */
      readonly permanent?: boolean;
      readonly retryAfterMs?: number;
    };

export interface Sending<C extends Channel = Channel> {
  readonly channel: C;
  readonly message: Message;
  /** Mail only: the one address that it goes to. */
  readonly recipient: string | undefined;
  readonly signingSecret: string | undefined;
  readonly privateAllowed: boolean;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  readonly resolve: Resolve;
}

export const userAgent = 'ATF-Notifications/1';
const retryAfterSecondsMax = 3_600;

/** What a status of HTTP means: 2xx arrived, 410 will never again (Standard Webhooks), a redirect is not followed, all else may come. */
export function sentOf({ status, retryAfter }: Posted): Sent {
  if (status >= 200 && status < 300) return { ok: true };
  if (status >= 300 && status < 400) return { ok: false, problem: 'redirected' };
  const seconds = Number(retryAfter);
  const wait =
    Number.isFinite(seconds) && seconds > 0
      ? { retryAfterMs: Math.min(seconds, retryAfterSecondsMax) * 1_000 }
      : {};
  return { ok: false, problem: `http_${status}`, ...(status === 410 ? { permanent: true } : wait) };
}
