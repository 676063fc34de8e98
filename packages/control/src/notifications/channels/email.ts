/**
 * Room: notifications. Mail: plain text only, TLS demanded unless the server is a private one, the vetted address dialled under the name that its certificate
 * must bear. Subjects and lines hold no line breaks of others (`harmless.ts`), so that no header can be added.
 */
import { hostname } from 'node:os';
import type { Channel } from '@atf/core/wire/notifications';
import { createTransport } from 'nodemailer';
import { problemOfFault, vettedAddress } from '../dial.ts';
import { bounded } from '../harmless.ts';
import { countsWords, type Message, type MessageItem } from '../message.ts';
import type { Sending, Sent } from './channel.ts';

type EmailChannel = Extract<Channel, { kind: 'email' }>;

const stepMs = 5_000;
const subjectMax = 180;

function itemLines(item: MessageItem): string[] {
  return [
    item.summary,
    `  Why:   ${item.because}`,
    `  When:  ${item.at}`,
    `  Told:  ${item.to.join(', ') || 'nobody in particular'}`,
    ...(item.claimed === undefined
      ? []
      : [`  Claimed by ${item.claimed.by}, not by ATF:`, `  | ${item.claimed.text}`]),
    `  Read and acknowledge (one must be signed in): ${item.link}`,
    '',
  ];
}

export function mailOf(message: Message): { subject: string; text: string } {
  const { severity, headline, digest, count, counts, items, unlisted, link } = message;
  return {
    subject: bounded(`[ATF ${severity}] ${headline}`, subjectMax),
    text: [
      ...(digest ? [`${count} notifications: ${countsWords(counts)}`, ''] : []),
      ...items.flatMap(itemLines),
      ...(unlisted > 0
        ? [`${unlisted} more are not listed here; they stand in the console: ${link}`, '']
        : []),
      'Sent by ATF. Links lead to its console and nowhere else; it never asks for a password by mail.',
    ].join('\n'),
  };
}

/** 4xx of SMTP may come later, 5xx never will (RFC 5321 §4.2.1). */
function failureOf(fault: unknown): Sent {
  const { responseCode, code } = fault as { responseCode?: unknown; code?: unknown };
  if (typeof responseCode === 'number')
    return {
      ok: false,
      problem: `smtp_${responseCode}`,
      ...(responseCode >= 550 ? { permanent: true } : {}),
    };
  // nodemailer puts its own code in the place of OpenSSL's, whose words alone are left.
  const words = fault instanceof Error ? fault.message : '';
  if (code === 'ETLS' || (code === 'ESOCKET' && /certificate|altnames|TLS|SSL/i.test(words)))
    return { ok: false, problem: 'tls_failed' };
  if (code === 'ESOCKET' || code === 'ECONNECTION')
    return { ok: false, problem: problemOfFault((fault as { cause?: unknown }).cause ?? fault) };
  return { ok: false, problem: problemOfFault(fault) };
}

export async function sendEmail({
  channel,
  message,
  recipient,
  privateAllowed,
  signal,
  resolve,
}: Sending<EmailChannel>): Promise<Sent> {
  if (recipient === undefined) return { ok: false, problem: 'nobody_to_send_to', permanent: true };
  const encrypted = channel.protection !== 'none';
  const vetted = await vettedAddress(channel.host, { privateAllowed, encrypted }, resolve);
  if (!vetted.ok) return vetted;
  if (signal.aborted) return { ok: false, problem: 'timed_out' };
  const transport = createTransport({
    host: vetted.address,
    port: channel.port,
    secure: channel.protection === 'tls',
    requireTLS: channel.protection === 'starttls',
    ignoreTLS: channel.protection === 'none',
    name: hostname(),
    ...(channel.user === undefined ? {} : { auth: { user: channel.user, pass: channel.password ?? '' } }),
    tls: {
      servername: channel.host,
      minVersion: 'TLSv1.2',
      ...(channel.authorities === undefined ? {} : { ca: channel.authorities }),
    },
    connectionTimeout: stepMs,
    greetingTimeout: stepMs,
    socketTimeout: stepMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const cut = () => transport.close();
  signal.addEventListener('abort', cut, { once: true });
  try {
    const aborted = new Promise<never>((_, fail) => {
      signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    });
    aborted.catch(() => undefined);
    const sending = transport.sendMail({
      from: channel.from,
      to: recipient,
      ...mailOf(message),
      messageId: `<${message.id}@${new URL(message.link).hostname}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
    sending.catch(() => undefined);
    await Promise.race([sending, aborted]);
    return { ok: true };
  } catch (fault) {
    return failureOf(fault);
  } finally {
    signal.removeEventListener('abort', cut);
    transport.close();
  }
}
