/**
 * `atf policy analyze` (S-1, S-2): rights that are dangerous together, for people and for CI. What people have accepted, for whom and until when, stands in a file
 * beside their policies; a finding that is not as it was accepted fails again.
 */
import { resolve } from 'node:path';
import { type Standing, standingOf } from '@atf/core/segmentation/composition/accepted';
import { severities } from '@atf/core/segmentation/composition/finding';
import { rightName } from '@atf/core/segmentation/composition/right-name';
import { parseAcceptanceFile } from '@atf/core/wire/acceptance-file';
import {
  type Acceptance,
  acceptanceFileBytesMax,
  type CompositionStep,
  type HeldRight,
  type PolicyAnalysis,
  type PolicyFinding,
} from '@atf/core/wire/policy-analysis';
import type { Level } from '@atf/core/wire/words';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { type Styled, style } from '../output.ts';
import { readText } from '../service-files.ts';
import { counted } from '../words.ts';
import { filesOf, propose } from './policy.ts';

/** A decision for every right of the fleet. */
const analyzeWithinMs = 120_000;
const shownDefault = 20;

interface Options {
  readonly agent?: string;
  readonly level?: Level;
  readonly through: PolicyAnalysis['through'];
  readonly policies?: string;
  readonly failOn?: PolicyFinding['severity'];
  readonly accepted?: string;
  readonly all?: boolean;
}

interface Judged {
  readonly finding: PolicyFinding;
  readonly standing: Standing;
}

function acceptancesIn(cli: Cli, given: string | undefined): readonly Acceptance[] {
  if (given === undefined) return [];
  const file = resolve(cli.cwd, given);
  const read = parseAcceptanceFile(readText(file, acceptanceFileBytesMax));
  if (read.ok) return read.accepted;
  throw new CliFailure(exitCodes.usage, `${file} does not say what is accepted: ${read.problem}`, {
    help: 'accepted: [{ finding: ID, agents: [NAME] or all, reason: WHY, until: 2027-01-31 }]',
  });
}

const severityStyled = (severity: PolicyFinding['severity']): Styled =>
  style(severity === 'high' ? 'red' : severity === 'medium' ? 'yellow' : 'dim', severity);

const kindWords: Readonly<Record<PolicyFinding['kind'], string>> = {
  trifecta: 'private data, untrusted text and a way out',
  leak: 'private data and a way out',
  hijack: 'untrusted text and harm',
  leak_across: 'private data and a way out, across agents',
  hijack_across: 'untrusted text and harm, across agents',
};

const namesOf = ({ names, count }: HeldRight['agents']): string =>
  count > names.length ? `${names.join(', ')} and ${count - names.length} more` : names.join(', ');

function stepWords(step: CompositionStep): string {
  if (step.kind === 'right') return `${rightName(step)} (${namesOf(step.agents)}, ${step.freedom})`;
  if (step.kind === 'store') return `[${step.server}]`;
  return `[${namesOf(step.from)} ${step.way === 'words' ? 'gives work to' : 'answers'} ${namesOf(step.to)}]`;
}

function tellStanding(cli: Cli, standing: Standing): void {
  if (standing.state === 'open') return;
  const { reason, until } = standing.by;
  if (standing.state === 'accepted') cli.out.say`  ${style('green', '✓ accepted')} until ${until}: ${reason}`;
  if (standing.state === 'expired')
    cli.out.say`  ${style('red', '✗ was accepted')} until ${until}: ${reason}`;
  if (standing.state === 'grown')
    cli.out
      .say`  ${style('red', '✗ accepted for others')}, not for ${standing.agents.slice(0, 10).join(', ')}: ${reason}`;
}

function tell(cli: Cli, { finding, standing }: Judged): void {
  const { out } = cli;
  out.say`${severityStyled(finding.severity)} ${style('bold', kindWords[finding.kind])} ${style('dim', finding.id)}`;
  out.say`  ${finding.says}`;
  out.say`  ${finding.stands}`;
  const path = finding.path.map(stepWords);
  out.say`  ${style('dim', path.join(' → '))}`;
  const policies = [...new Set([...finding.sources, ...finding.sinks].flatMap((right) => right.policies))];
  if (policies.length > 0) out.say`  ${style('dim', `by ${policies.join(', ')}`)}`;
  out.say`  ${finding.suggestion}`;
  tellStanding(cli, standing);
  out.say``;
}

/** Fails also on what is not listed: it may be as bad as anything. */
function isBad({ finding, standing }: Judged, failOn: PolicyFinding['severity']): boolean {
  return standing.state !== 'accepted' && severities.indexOf(finding.severity) >= severities.indexOf(failOn);
}

function verdict(cli: Cli, judged: readonly Judged[], more: number, failOn: Options['failOn']) {
  const { out } = cli;
  const accepted = judged.filter(({ standing }) => standing.state === 'accepted').length;
  if (accepted > 0) out.say`${accepted} of them accepted.`;
  if (more > 0)
    out.say`${style('yellow', '!')} ${more} more that are not listed here: name an agent (--agent).`;
  if (failOn === undefined) return exitCodes.ok;
  const bad = judged.filter((each) => isBad(each, failOn)).length;
  if (bad === 0 && more === 0) return exitCodes.ok;
  out.note`${style('red', '✗')} ${counted(bad + more, 'combination')} at least ${failOn}, or not looked into, and not accepted`;
  return exitCodes.dangerous;
}

export const analyzePolicy: Command<Options> = async (cli, _, options) => {
  const acceptances = acceptancesIn(cli, options.accepted);
  const operator = await cli.operator();
  const { agent, level, through, policies, failOn } = options;
  const candidate =
    policies === undefined
      ? undefined
      : (await propose(operator, { files: await filesOf(cli, policies) })).id;
  const given = { agent, level, candidate };
  const analysis = await operator.call(
    'policy.analysis',
    {
      query: {
        through,
        ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      },
    },
    { timeoutMs: analyzeWithinMs },
  );
  const nowMs = Date.parse(analysis.at);
  const judged = analysis.findings.map((finding) => ({
    finding,
    standing: standingOf(finding, acceptances, nowMs),
  }));
  cli.out.document({
    ...analysis,
    findings: judged.map(({ finding, standing }) => ({ ...finding, standing })),
  });
  const shown = options.all === true ? judged : judged.slice(0, shownDefault);
  for (const each of shown) tell(cli, each);
  if (shown.length < judged.length) cli.out.say`and ${judged.length - shown.length} more findings (--all)`;
  const { counts, agents, rights } = analysis;
  cli.out
    .say`${counts.high} high, ${counts.medium} medium, ${counts.low} low; ${counted(agents, 'agent')}, ${counted(rights, 'right')} looked at.`;
  for (const by of acceptances)
    if (agent === undefined && !analysis.findings.some(({ id }) => id === by.finding))
      cli.out.note`${by.finding} is accepted, and is not found any more: it can go from the file.`;
  return verdict(cli, judged, analysis.more, failOn);
};
