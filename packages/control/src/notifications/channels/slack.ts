/**
 * Room: notifications. Incoming webhooks as Slack has them and others take them. Everything that is not a word of ATF stands in `plain_text`, which is not
 * parsed for markup; links and mentions are off. Receivers that know no blocks show `text`, which holds no agent's words.
 */
import type { Channel } from '@atf/core/wire/notifications';
import { bounded } from '../harmless.ts';
import { post } from '../dial.ts';
import { countsWords, type Message, type MessageItem } from '../message.ts';
import { type Sending, type Sent, sentOf, userAgent } from './channel.ts';

/** Slack refuses longer ones. */
const blockTextMax = 2_900;
const headerMax = 140;
const itemsMax = 15;

/** The three characters that Slack's markup gives a meaning in text (its formatting guide). */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const plain = (text: string) => ({
  type: 'section',
  text: { type: 'plain_text', text: bounded(text, blockTextMax), emoji: false },
});

function itemBlocks(item: MessageItem): object[] {
  const lines = [
    `${item.summary}`,
    `Why: ${item.because}`,
    `At ${item.at}; told ${item.to.join(', ') || 'nobody in particular'}`,
  ];
  const claimed =
    item.claimed === undefined ? [] : [plain(`Claimed by ${item.claimed.by}: ${item.claimed.text}`)];
  return [plain(lines.join('\n')), ...claimed];
}

export function slackBody(message: Message): string {
  const mark = `[ATF ${message.severity}]`;
  const shown = message.items.slice(0, itemsMax);
  const unlisted = message.count - shown.length;
  const blocks: object[] = [
    {
      type: 'header',
      text: { type: 'plain_text', text: bounded(`${mark} ${message.headline}`, headerMax), emoji: false },
    },
    ...(message.digest ? [plain(`${message.count} notifications: ${countsWords(message.counts)}`)] : []),
    ...shown.flatMap(itemBlocks),
    ...(unlisted > 0 ? [plain(`${unlisted} more stand in the console.`)] : []),
    { type: 'section', text: { type: 'mrkdwn', text: `<${message.link}|Open in ATF, and acknowledge>` } },
  ];
  return JSON.stringify({
    text: escaped(`${mark} ${message.headline}`) + `\n<${message.link}>`,
    blocks,
    unfurl_links: false,
    unfurl_media: false,
    link_names: false,
    parse: 'none',
  });
}

export async function sendSlack({
  channel,
  message,
  privateAllowed,
  signal,
  resolve,
}: Sending<Extract<Channel, { kind: 'slack' }>>): Promise<Sent> {
  const result = await post({
    url: new URL(channel.url),
    headers: { 'content-type': 'application/json', 'user-agent': userAgent },
    body: slackBody(message),
    privateAllowed,
    signal,
    resolve,
  });
  return result.ok ? sentOf(result.answer) : result;
}
