/**
 * A fleet as large companies have one, for what is worked out over all agents: a suite of two hundred tools of every class, agents at the four levels with twenty
 * tools each, and a thousand policies of the company's own about single tools, on top of the shipped ones.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Level, levels } from '@atf/core/wire/words';
import { root } from '../tests/e2e/product.ts';

export const suite = 'suite';
const regions = 100;
const toolsOfOne = 20;

const verbs = ['list', 'get', 'search', 'create', 'update', 'cancel', 'delete', 'send', 'run', 'grant'];
const things = [
  ...['order', 'invoice', 'ticket', 'shipment', 'contract', 'lead', 'report', 'asset', 'claim', 'visit'],
  ...['quote', 'task', 'budget', 'parcel', 'return', 'course', 'survey', 'device', 'room', 'shift'],
];
const toolNames = things.flatMap((thing) => verbs.map((verb) => `${verb}_${thing}`));

/** What a person hands in for the suite. */
export const suiteDefinitions = toolNames.map((name) => {
  const [verb = '', thing = ''] = name.split('_');
  return {
    name,
    description: `${verb} one ${thing} of the company`,
    inputSchema: {
      type: 'object',
      properties: { id: { type: 'string', maxLength: 40 }, to: { type: 'string', maxLength: 100 } },
      required: ['id'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: ['list', 'get', 'search'].includes(verb) },
  };
});

/** Spread over the whole suite, so that hardly two agents have the same tools. */
const toolsOf = (n: number): string[] =>
  Array.from({ length: toolsOfOne }, (_, at) => toolNames[(n * 13 + at * 27) % toolNames.length] ?? '');

export const mixedLevel = (n: number): Level => levels[n % levels.length] ?? 'intern';

/** The lines of a manifest in which these agents differ from those that only read orders. */
export const mixedRights = (n: number): string => `domain: analysis
dataDomains: [customers, orders, analysis, region-${n % regions}]
capabilities: [Work with the suite]
tools: [${toolsOf(n)
  .map((tool) => `${suite}/${tool}`)
  .join(', ')}]
limits:
  - calls: { max: 60, perSeconds: 60 }
`;

/** One policy of the company's own about one tool and one region: half of them forbid, half of them permit what a person has released. */
function ownPolicy(n: number, changed: boolean): string {
  const resource = `ATF::Tool::"${suite}/${toolNames[n % toolNames.length]}"`;
  const region = `principal.domains.contains("region-${(n * 7) % regions}")`;
  const head = `@id("company.rule_${n}")\n@requirement("S-2")`;
  const asks = changed ? '' : ' && !context.approved';
  return n % 2 === 0
    ? `${head}\nforbid (principal, action, resource == ${resource})\nwhen { ${region}${asks} };`
    : `${head}\npermit (principal in ATF::Level::"senior", action, resource == ${resource})\nwhen { ${region} && context.granted && context.limited && context.approved };`;
}

/** The files of the shipped set with `count` policies of the company's own; of the first `changed` of them, those that ask a person refuse instead. */
export async function companySet(count: number, changed = 0): Promise<{ name: string; text: string }[]> {
  const folder = join(root, 'policies');
  // Without the cases: they say what the shipped set alone is for.
  const names = (await readdir(folder)).filter((name) => /\.(?:cedar|cedarschema|yaml)$/.test(name));
  const shipped = names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') }));
  const own = Array.from({ length: count }, (_, n) => ownPolicy(n, n < changed)).join('\n\n');
  return [...(await Promise.all(shipped)), { name: 'company.cedar', text: `${own}\n` }];
}
