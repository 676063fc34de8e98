/**
 * Room: data (D-3). More forms of tokens, as the services that give them out document them: models and their tools, clouds, build services, hosting. The same rules
 * hold as in token-forms.ts.
 */
import { form, type TokenForm } from './token-forms.ts';

export const newerTokenForms: readonly TokenForm[] = [
  form(
    'AWS session',
    'iqojb3jpz2lu fwogzxivyxdz aqodyxdz',
    /(?<![A-Za-z0-9+/])(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/]{100,2000}={0,2}/g,
    4,
  ),
  // Keys of Azure carry a mark of their service near the end, then a checksum.
  form(
    'Azure',
    'apim acdb +aba +amc +ast',
    /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{76}(?:APIM|ACDb|\+ABa|\+AMC|\+ASt)[A-D][A-Za-z0-9+/]{5}==/g,
    4,
  ),
  form(
    'Azure',
    'aiot +asb +aeh +arm',
    /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{33}(?:AIoT|\+ASb|\+AEh|\+ARm)[A-P][A-Za-z0-9+/]{5}=/g,
    4,
  ),
  form('Azure Functions', 'azfu', /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5}[AQgw]==/g, 4),
  form('Azure Search', 'azse', /\b[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}\b/g, 4),
  form('Azure Cache', 'azca', /\b[A-Za-z0-9]{33}AzCa[A-P][A-Za-z0-9]{5}=/g, 4),
  form('Azure DevOps', 'azdo', /\b[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18}AZDO[A-Za-z0-9]{4}\b/g, 4),
  form('Azure signature', 'sig=', /[?&;]sig=(?<it>[A-Za-z0-9%+/_-]{40,100}(?:%3D|=){0,2})/gi, 4),
  form(
    'Bitbucket',
    'atbb atctt3',
    /\b(?:ATBB[A-Za-z0-9]{24,32}|ATCTT3xFfGN0[A-Za-z0-9_=-]{100,250})(?![A-Za-z0-9_-])/g,
    3.5,
  ),
  form('Braintree', 'access_token$', /access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}\b/g),
  form('Buildkite', 'bkua_', /\bbkua_[a-f0-9]{40}\b/g),
  form('CircleCI', 'ccipat_', /\bCCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}\b/g),
  form('ClickUp', 'pk_', /\bpk_\d{1,9}_[A-Z0-9]{32}\b/g),
  form('Contentful', 'cfpat-', /\bCFPAT-[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g),
  form('crates.io', 'cio', /\bcio[A-Za-z0-9]{32}\b/g, 4),
  form('Deno', 'ddp_ ddw_', /\bdd[pw]_[A-Za-z0-9]{36}\b/g),
  form(
    'Discord webhook',
    'api/webhooks/',
    /discord(?:app)?\.com\/api\/webhooks\/(?<it>\d{17,20}\/[A-Za-z0-9_-]{60,72})(?![A-Za-z0-9_-])/gi,
  ),
  form('Duffel', 'duffel_', /\bduffel_(?:test|live)_[A-Za-z0-9_=-]{43}(?![A-Za-z0-9_-])/g),
  form('GitLab', 'glffct- glwt-', /\bgl(?:ffct|wt)-[A-Za-z0-9_-]{20,60}(?![A-Za-z0-9_-])/g),
  form('Google refresh', '1//0', /(?<![A-Za-z0-9/:])1\/\/0[A-Za-z0-9_-]{40,120}(?![A-Za-z0-9_-])/g, 4),
  form('Grafana', 'eyjrijoi', /\beyJrIjoi[A-Za-z0-9]{70,400}={0,3}/g, 4),
  form('Groq', 'gsk_', /\bgsk_[A-Za-z0-9]{52}\b/g),
  form('HubSpot', 'pat-', /\bpat-(?:na|eu|ap)\d-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}\b/gi),
  form('JFrog', 'cmvmdgtu', /\bcmVmdGtu[A-Za-z0-9]{56}\b/g),
  form('LangSmith', 'lsv2_', /\blsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}\b/g),
  form('Langfuse', 'sk-lf-', /\bsk-lf-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}\b/g),
  form('MailerSend', 'mlsn.', /\bmlsn\.[a-f0-9]{64}\b/g),
  form(
    'Microsoft Teams webhook',
    'webhook.office.com',
    /webhook\.office\.com\/webhookb2\/(?<it>[a-f0-9-]{36}@[a-f0-9-]{36}\/IncomingWebhook\/[a-f0-9]{32}\/[a-f0-9-]{36})/gi,
  ),
  form('Neon', 'napi_', /\bnapi_[a-z0-9]{64}\b/g),
  form('Netlify', 'nfp_', /\bnfp_[A-Za-z0-9]{36}\b/g),
  form('NVIDIA', 'nvapi-', /\bnvapi-[A-Za-z0-9_-]{60,70}(?![A-Za-z0-9_-])/g),
  form('OpenRouter', 'sk-or-v1-', /\bsk-or-v1-[a-f0-9]{64}\b/g),
  form('Pinecone', 'pcsk_', /\bpcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,70}\b/g),
  form(
    'Plaid',
    'access-production- access-sandbox- access-development-',
    /\baccess-(?:sandbox|development|production)-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}\b/g,
  ),
  form('PostHog', 'phx_', /\bphx_[A-Za-z0-9]{43,50}\b/g),
  form('Replicate', 'r8_', /\br8_[A-Za-z0-9]{37}\b/g),
  form('Resend', 're_', /\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b/g),
  form('Scalingo', 'tk-us-', /\btk-us-[A-Za-z0-9_-]{48}(?![A-Za-z0-9_-])/g),
  form('SonarQube', 'squ_ sqp_ sqa_', /\bsq[upa]_[a-f0-9]{40}\b/g),
  form(
    'Supabase',
    'sbp_ sb_secret_',
    /\b(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8})(?![\w-])/g,
  ),
  form('Tavily', 'tvly-', /\btvly-(?:dev-|prod-)?[A-Za-z0-9]{32}\b/g),
  form('xAI', 'xai-', /\bxai-[A-Za-z0-9]{80}\b/g),
  form('Zuplo', 'zpka_', /\bzpka_[a-z0-9]{32}_[a-z0-9]{8}\b/g),
];
