/** Room: policy. Agents and tools that are nobody's, for questions to a set of policies about no agent and no tool in particular. */
import type { AgentDoc, Classification, ToolDoc } from '../wire/feed.ts';
import type { ActionClass, Level } from '../wire/words.ts';
import type { PolicyTime } from '../world.ts';

export const nobody = '00000000-0000-4000-8000-000000000000';
export const anyDomain = 'any';
const noDigest = 'A'.repeat(43);

/** A moment at which nothing is usually closed: a Tuesday at noon, UTC. */
export const anyTime = {
  weekday: 'tue',
  hour: 12,
  minute: 0,
  date: '2026-01-06',
} as const satisfies PolicyTime;

/** The same in every time zone that is asked about. */
export const anyTimeIn = (zones: readonly string[] = []): PolicyTime =>
  zones.length === 0
    ? anyTime
    : { ...anyTime, zones: Object.fromEntries(zones.map((zone) => [zone, anyTime])) };

export const anyAgent = (
  level: Level,
  id = nobody,
  dataDomains: readonly string[] = [anyDomain],
): AgentDoc => ({
  id,
  name: 'any',
  version: '0',
  manifestDigest: noDigest,
  level,
  ownerId: nobody,
  technicalOwnerId: nobody,
  purpose: '',
  domain: anyDomain,
  dataDomains: [...dataDomains],
  tools: [],
  limits: [],
  checkpoints: [],
  assurance: 'claimed',
  epoch: 0,
  credentialEpoch: 0,
});

/** What policies are asked about of a tool. */
export type ToolTraits = Pick<
  Classification,
  'sensitivity' | 'outputTrust' | 'reversible' | 'idempotent' | 'writeSafe'
>;

/** `ref`: `server/tool`. */
export function anyTool(
  action: ActionClass,
  traits: ToolTraits & Partial<Pick<Classification, 'domain'>>,
  ref = 'any/any',
): ToolDoc {
  const slash = ref.indexOf('/');
  return {
    server: ref.slice(0, slash),
    name: ref.slice(slash + 1),
    state: 'active',
    definitionDigest: noDigest,
    definition: {},
    classification: { domain: anyDomain, ...traits, class: action, arguments: {}, by: 'person' },
    epoch: 0,
  };
}
