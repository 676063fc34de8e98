/**
 * Room: notifications (I-2). A target's addresses and secrets at rest: one envelope (AES-256-GCM) under the key of this purpose, bound to its row. In requests
 * that wait for clearance a keyed digest stands for each secret, so that a person clears exactly these and nobody can read them.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Channel } from '@atf/core/wire/notifications';
import type { Keys } from '../context.ts';
import { openEnvelope, sealEnvelope } from '../keys/envelope.ts';

/** Standard Webhooks asks for 24 to 64 bytes. */
const signingSecretBytes = 32;

export interface TargetSecrets {
  readonly channel: Channel;
  readonly signingSecret?: string;
}

const context = (tenant: string, id: string): string => `atf:notification-target:${tenant}:${id}`;

export const newSigningSecret = (): string => `whsec_${randomBytes(signingSecretBytes).toString('base64')}`;

export function sealTarget(
  keys: Keys,
  tenant: string,
  id: string,
  secrets: TargetSecrets,
): { kid: string; box: Uint8Array } {
  const { kid, key } = keys.secret('notification');
  return { kid, box: sealEnvelope(key, Buffer.from(JSON.stringify(secrets)), context(tenant, id)) };
}

/** undefined: removed, or anything about it was changed. */
export function openTarget(
  keys: Keys,
  row: {
    readonly tenant: string;
    readonly id: string;
    readonly kid: string | null;
    readonly box: Uint8Array | null;
  },
): TargetSecrets | undefined {
  if (row.kid === null || row.box === null) return undefined;
  const plain = openEnvelope(keys.secret('notification', row.kid).key, row.box, context(row.tenant, row.id));
  return plain === undefined ? undefined : (JSON.parse(plain.toString('utf8')) as TargetSecrets);
}

/** What of an address may be shown: a webhook's path and query often are its secret. */
export function destinationOf(channel: Channel): string {
  if (channel.kind !== 'email') return new URL(channel.url).origin;
  const to = [...channel.to, ...(channel.people ? ['the people concerned'] : [])].join(', ');
  return `${channel.host}:${channel.port} (${channel.protection}) to ${to}`.slice(0, 1_000);
}

/** A request to add a target as it may be stored and shown: what it does, and digests for what is secret. */
export function withoutSecrets(keys: Keys, body: unknown): unknown {
  const { channel, ...rest } = body as { readonly channel: Channel };
  const { key } = keys.secret('notification');
  const digest = (text: string | undefined): string =>
    createHmac('sha256', key)
      .update(`atf:clearance:${text ?? ''}`)
      .digest('base64url');
  if (channel.kind !== 'email')
    return {
      ...rest,
      channel: { kind: channel.kind, origin: new URL(channel.url).origin, urlDigest: digest(channel.url) },
    };
  const { password, ...shown } = channel;
  return { ...rest, channel: { ...shown, passwordDigest: digest(password) } };
}
