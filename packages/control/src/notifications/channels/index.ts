/** Room: notifications. The channels, by name. */
import type { Sending, Sent } from './channel.ts';
import { sendEmail } from './email.ts';
import { sendSlack } from './slack.ts';
import { sendWebhook } from './webhook.ts';

export function send(sending: Sending): Promise<Sent> {
  const { channel } = sending;
  switch (channel.kind) {
    case 'webhook':
      return sendWebhook({ ...sending, channel });
    case 'slack':
      return sendSlack({ ...sending, channel });
    case 'email':
      return sendEmail({ ...sending, channel });
  }
}
