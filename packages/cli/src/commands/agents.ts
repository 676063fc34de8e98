/** `atf agent …` (I-1, I-3, I-4): register, list, show, enrol. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  assuranceWords,
  checkpointWords,
  limitWords,
  otherDomainWords,
  spentWords,
  followedWords,
  throttleWords,
  volumeWords,
  windowWords,
  slaWords,
  spawnWords,
  tableRightsWords,
} from '@atf/core/identity/manifest-words';
import type { Agent } from '@atf/core/wire/api';
import { delegationWords } from '@atf/core/wire/delegation-routes';
import { manifestBytesMax } from '@atf/core/wire/manifest';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { listLimit } from '../list-limit.ts';
import { type Styled, style } from '../output.ts';
import { ago, outcomeStyled } from '../words.ts';

export const registerAgent: Command = async (cli, [file = '']) => {
  const manifest = readManifest(resolve(cli.cwd, file));
  const format = /\.ya?ml$/i.test(file) ? 'yaml' : 'json';
  const operator = await cli.operator();
  const agent = await operator.call('agents.register', { body: { manifest, format } });
  cli.out.document(agent);
  cli.out
    .say`${style('green', '✓')} ${agent.name} ${agent.version} is registered; it starts as ${agent.effectiveLevel}.`;
  cli.out.say`Its version is the digest of the manifest, ${agent.manifestDigest}.`;
  cli.out.say`Next: atf agent enrol ${agent.name}`;
  return exitCodes.ok;
};

function readManifest(file: string): string {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new CliFailure(exitCodes.usage, `There is no file ${file}`);
  if (size > manifestBytesMax) {
    throw new CliFailure(
      exitCodes.usage,
      `${file} is larger than a manifest may be (${manifestBytesMax} bytes)`,
    );
  }
  return readFileSync(file, 'utf8');
}

interface ListOptions {
  readonly after?: string;
  readonly limit: string;
}

/** One page: a fleet of thousands is nothing to print at once. */
export const listAgents: Command<ListOptions> = async (cli, _, { after, limit: given }) => {
  const limit = listLimit(given);
  const operator = await cli.operator();
  const query = { limit, ...(after === undefined ? {} : { after }) };
  const { items } = await operator.call('agents.list', { query });
  for (const agent of items) cli.out.document(agent);
  const last = items.at(-1);
  if (last === undefined) {
    if (after === undefined) cli.out.say`No agents yet. Register one: atf agent register MANIFEST`;
    else cli.out.say`No agent comes after ${after}.`;
    return exitCodes.ok;
  }
  cli.out.table(
    columns,
    items.map((agent) => rowOf(agent, Date.now())),
  );
  if (items.length === limit) cli.out.note`There may be more: atf agent list --after ${last.name}`;
  return exitCodes.ok;
};

const columns = [
  { title: 'AGENT' },
  { title: 'LEVEL' },
  { title: 'STATE' },
  { title: 'OWNER' },
  { title: 'RUNNING', align: 'right' },
  { title: 'LAST ACTION' },
] as const;

function rowOf(agent: Agent, nowMs: number) {
  const last = agent.lastActionAt === undefined ? '–' : ago(agent.lastActionAt, nowMs);
  return [agent.name, levelOf(agent), stateOf(agent), agent.owner.name, agent.instances, last];
}

function levelOf(agent: Agent): string {
  return agent.ceiling === undefined ? agent.level : `${agent.effectiveLevel} (earned: ${agent.level})`;
}

function stateOf({ state }: Agent): Styled {
  return state === 'active' ? style('green', state) : style('red', `■ ${state}`);
}

export const showAgent: Command = async (cli, [name = '']) => {
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const rights = await operator.call('agents.rights', { params: { id: agent.id } });
  const totals = await operator.call('agents.totals', { params: { id: agent.id } });
  const volume = await operator.call('agents.volume', { params: { id: agent.id } });
  const { items: delegations } = await operator.call('agents.delegations', { params: { id: agent.id } });
  const boundaries = await operator.call('agents.boundaries', { params: { id: agent.id } });
  cli.out.document({
    agent,
    rights: rights.items,
    totals: totals.items,
    volume,
    delegations,
    boundaries,
  });
  const { out } = cli;
  const { manifest } = agent;
  out.say`${style('bold', agent.name)} ${agent.version}, level ${levelOf(agent)}, ${stateOf(agent)}${agent.bootstrap ? ', level set by the example workspace' : ''}`;
  out.say`Purpose, in its owner's words:`;
  out.block(manifest.purpose);
  out.table(
    [{ title: 'WHO ANSWERS' }, { title: '' }],
    [
      ['owner', `${agent.owner.name} <${agent.owner.email}>`],
      ['technical owner', `${agent.technicalOwner.name} <${agent.technicalOwner.email}>`],
      ['business owner', `${agent.businessOwner.name} <${agent.businessOwner.email}>`],
      ...(manifest.sponsor === undefined ? [] : [['sponsor', manifest.sponsor]]),
      ['escalation', manifest.escalation],
      ['may stop it', ['owners', 'operators', ...manifest.mayStop].join(', ')],
    ],
  );
  out.say``;
  const { provider, name: model, version } = manifest.model;
  out.table(
    [{ title: 'WHAT IT DECLARES' }, { title: '' }],
    [
      ['domain', `${manifest.domain}; data of ${manifest.dataDomains.join(', ')}`],
      ...(manifest.otherDomains ?? []).map((other) => [
        'other domain',
        `${otherDomainWords(other)} (${other.because})`,
      ]),
      ...(manifest.windows ?? []).map((window) => [
        'when',
        `${window.tool ?? 'other tools'}: ${windowWords(window)}`,
      ]),
      ...manifest.limits.map((limit) => ['limit', `${limit.tool ?? 'all tools'}: ${limitWords(limit)}`]),
      ...totals.items.map((total) => ['spent', `${total.tool ?? 'all tools'}: ${spentWords(total)}`]),
      ...boundaries.grants.map(({ id, offer, says, until }) => [
        'widened',
        `${says}, until ${until} (${offer}; end it: atf agent revoke ${agent.name} ${id})`,
      ]),
      ...boundaries.offers.map(({ name: offer, says, minutesMax, timesLeft, timesPerDay }) => [
        'may widen',
        `${says}, for ${minutesMax} minutes (${offer}; ${timesLeft} of ${timesPerDay} times left today)`,
      ]),
      ['volume', volumeWords(volume)],
      ...(volume.followed === undefined ? [] : [['rate', followedWords(volume.followed)]]),
      ...(volume.throttle === undefined ? [] : [['throttled', throttleWords(volume.throttle)]]),
      ...manifest.checkpoints.map((point) => [
        'checkpoint',
        `${point.tool ?? point.class ?? ''}: ${checkpointWords(point)} (${point.reason})`,
      ]),
      ...(manifest.databases ?? []).flatMap(({ tool, tables }) =>
        Object.entries(tables).map(([table, rights]) => [
          'table',
          `${tool}: ${table}: ${tableRightsWords(rights)}`,
        ]),
      ),
      ['model', [provider, model, version].filter((word) => word !== undefined).join(' ')],
      ['assurance', assuranceWords(manifest)],
      ['may start others', spawnWords(manifest)],
      ...delegations.map((each) => [
        each.chain.at(-1) === agent.name ? 'works for others' : 'others work for it',
        delegationWords(each),
      ]),
      ['service level', slaWords(manifest)],
      [
        'service hours',
        manifest.serviceHours === undefined
          ? 'not declared'
          : `${manifest.serviceHours} (shown, not enforced)`,
      ],
    ],
  );
  out.say``;
  out.table(
    [{ title: 'TOOL' }, { title: 'CLASS' }, { title: 'NOW' }, { title: 'BECAUSE' }],
    rights.items.map((right) => [right.tool, right.class, outcomeStyled(right.outcome), right.because]),
  );
  return exitCodes.ok;
};

export const enrolAgent: Command = async (cli, [name = '']) => {
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const issued = await operator.call('agents.joinToken', { params: { id: agent.id } });
  cli.out.document({ agent: agent.name, ...issued });
  cli.out.say`One-time join token of ${agent.name}, until ${issued.expiresAt}:`;
  cli.out.say`${style('bold', issued.joinToken)}`;
  cli.out.say`For a stock MCP host: ATF_JOIN_TOKEN=TOKEN atf connect SERVER --agent ${agent.name}`;
  return exitCodes.ok;
};
