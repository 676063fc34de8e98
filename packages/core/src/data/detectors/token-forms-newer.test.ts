/** Each form finds a token that is made up by its rule, as a whole, and none with other characters in it. */
import { expect, it } from 'vitest';
import { glanceAt } from './index.ts';
import { token } from './secret-token.ts';
import { newerTokenForms } from './token-forms-newer.ts';

const alphabets = {
  any: 'A7bQx2ZfK9mWc4TnR1vLd8JsY5gHp3UeX6rBkN0aEwCzGtFiMoPqSuVyDhIjlO',
  hex: '7a1fc94e0b26d835',
  lower: 'k3v9qz1xw7mb5tn8rj2hp4cg6sdy0fu',
  upper: 'K3V9QZ1XW7MB5TN8RJ2HP4CG6SDY0FU',
  digits: '7193058264',
} as const;
/** So many characters, which look as if nobody had chosen them. */
const some = (count: number, of: keyof typeof alphabets = 'any'): string => {
  const letters = alphabets[of];
  let [text, seed] = ['', 40_503 + count];
  while (text.length < count) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += letters[Math.floor((seed / 2_147_483_648) * letters.length)] ?? '';
  }
  return text;
};
const hex = (count: number) => some(count, 'hex');
const uuid = `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;

const made: Readonly<Record<string, readonly string[]>> = {
  'AWS session': [`IQoJb3JpZ2lu${some(300)}==`, `FwoGZXIvYXdz${some(200)}`],
  Azure: [`${some(76)}+AStB${some(5)}==`, `${some(76)}ACDbA${some(5)}==`, `${some(33)}AIoTC${some(5)}=`],
  'Azure Functions': [`${some(44)}AzFu${some(5)}A==`],
  'Azure Search': [`${some(42)}AzSeB${some(5)}`],
  'Azure Cache': [`${some(33)}AzCaD${some(5)}=`],
  'Azure DevOps': [`${some(52)}JQQJ99${some(18)}AZDO${some(4)}`],
  'Azure signature': [`${some(43)}%3D`],
  Bitbucket: [`ATBB${some(32)}`, `ATCTT3xFfGN0${some(170)}`],
  Braintree: [`access_token$production$${some(16, 'lower')}$${hex(32)}`],
  Buildkite: [`bkua_${hex(40)}`],
  CircleCI: [`CCIPAT_${some(22)}_${hex(40)}`],
  ClickUp: [`pk_${some(7, 'digits')}_${some(32, 'upper')}`],
  Contentful: [`CFPAT-${some(43)}`],
  'crates.io': [`cio${some(32)}`],
  Deno: [`ddp_${some(36)}`],
  'Discord webhook': [`${some(18, 'digits')}/${some(68)}`],
  Duffel: [`duffel_live_${some(43)}`],
  GitLab: [`glffct-${some(20)}`],
  'Google refresh': [`1//0${some(60)}`],
  Grafana: [`eyJrIjoi${some(90)}==`],
  Groq: [`gsk_${some(52)}`],
  HubSpot: [`pat-eu1-${uuid}`],
  JFrog: [`cmVmdGtu${some(56)}`],
  LangSmith: [`lsv2_pt_${hex(32)}_${hex(10)}`],
  Langfuse: [`sk-lf-${uuid}`],
  MailerSend: [`mlsn.${hex(64)}`],
  'Microsoft Teams webhook': [`${uuid}@${uuid}/IncomingWebhook/${hex(32)}/${uuid}`],
  Neon: [`napi_${some(64, 'lower')}`],
  Netlify: [`nfp_${some(36)}`],
  NVIDIA: [`nvapi-${some(64)}`],
  OpenRouter: [`sk-or-v1-${hex(64)}`],
  Pinecone: [`pcsk_${some(6)}_${some(60)}`],
  Plaid: [`access-production-${uuid}`],
  PostHog: [`phx_${some(43)}`],
  Replicate: [`r8_${some(37)}`],
  Resend: [`re_${some(8)}_${some(24)}`],
  Scalingo: [`tk-us-${some(48)}`],
  SonarQube: [`squ_${hex(40)}`],
  Supabase: [`sbp_${hex(40)}`, `sb_secret_${some(22)}_${some(8)}`],
  Tavily: [`tvly-dev-${some(32)}`],
  xAI: [`xai-${some(80)}`],
  Zuplo: [`zpka_${some(32, 'lower')}_${some(8, 'lower')}`],
};
/** What stands before it, where that belongs to the form. */
const before: Readonly<Record<string, string>> = {
  'Azure signature': 'https://files.blob.core.windows.net/box/a.pdf?sv=2025-01-05&sig=',
  'Discord webhook': 'https://discord.com/api/webhooks/',
  'Microsoft Teams webhook': 'https://contoso.webhook.office.com/webhookb2/',
};

const rows = newerTokenForms.map(({ service }) => service);
const found = (text: string) =>
  token.find(text, glanceAt(text)).map(({ start, end }) => text.slice(start, end));

it.each([...new Set(rows)])('%s', (service) => {
  const lead = before[service] ?? 'key: ';
  for (const each of made[service] ?? []) {
    expect(found(`${lead}${each} and more`)).toContain(each);
    // Words of people in its place are none.
    expect(found(`${lead}${each.slice(0, 8)} your own ${each.slice(8, 14)}`)).toEqual([]);
    const placeholder = `${each.slice(0, -12)}xxxxxxxx${each.slice(-4)}`;
    expect(found(`${lead}${placeholder} and more`)).toEqual([]);
  }
  expect(made[service]?.length).toBeGreaterThan(0);
});
