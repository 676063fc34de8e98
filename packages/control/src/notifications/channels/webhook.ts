/**
 * Room: notifications. Signed webhooks after Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with HMAC-SHA256 over
 * `id.timestamp.body`. The id stays over attempts and the timestamp is signed, so that a receiver can tell a replay.
 */
import { createHmac } from 'node:crypto';
import type { Channel } from '@atf/core/wire/notifications';
import { post } from '../dial.ts';
import type { Message } from '../message.ts';
import { type Sending, type Sent, sentOf, userAgent } from './channel.ts';

const secretPrefix = 'whsec_';

/** `secret`: `whsec_` and base64 (Standard Webhooks, symmetric signatures). */
export function signatureOf(secret: string, id: string, timestampSeconds: number, body: string): string {
  const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
}

export function webhookBody(message: Message, nowMs: number): string {
  const { digest, severity, count, counts, unlisted, headline, link, items } = message;
  const type = digest ? 'atf.digest' : `atf.${items[0]?.kind ?? 'test'}`;
  return JSON.stringify({
    type,
    timestamp: new Date(nowMs).toISOString(),
    data: { severity, headline, count, counts, unlisted, link, items },
  });
}

export async function sendWebhook({
  channel,
  message,
  signingSecret,
  privateAllowed,
  nowMs,
  signal,
  resolve,
}: Sending<Extract<Channel, { kind: 'webhook' }>>): Promise<Sent> {
  if (signingSecret === undefined) return { ok: false, problem: 'secret_missing', permanent: true };
  const body = webhookBody(message, nowMs);
  const id = `msg_${message.id}`;
  const seconds = Math.floor(nowMs / 1_000);
  const result = await post({
    url: new URL(channel.url),
    headers: {
      'content-type': 'application/json',
      'user-agent': userAgent,
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signatureOf(signingSecret, id, seconds, body),
    },
    body,
    privateAllowed,
    signal,
    resolve,
  });
  return result.ok ? sentOf(result.answer) : result;
}
