/** `atf source …` (S-4, D-2): retrieval sources and their indexes, and agents that may bring indexes together. */
import { trustWords } from '@atf/core/data/source-trust';
import { pointerStep } from '@atf/core/json-pointer';
import { type BlendView, heldCategories, placeWords, type SourceView } from '@atf/core/wire/retrieval';
import type { Cli, Command } from '../cli.ts';
import { type ClearingOptions, withClearance } from '../clearance.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

interface At {
  readonly address?: string;
  readonly argument?: string;
  readonly value?: string;
}

interface AddOptions extends ClearingOptions, At {
  readonly index: string;
  readonly sensitivity: SourceView['confidentiality'];
  readonly output: SourceView['integrity'];
  readonly category?: string;
}

/** A plain name stands for the argument of that name. */
const pointerOf = (argument: string): string =>
  argument.startsWith('/') ? argument : `/${pointerStep(argument)}`;

function at(tool: string, { address, argument, value }: At) {
  if ((argument === undefined) !== (value === undefined))
    throw new CliFailure(exitCodes.usage, 'An argument and its value belong together', {
      help: 'Say both: --argument index --value hr',
    });
  return {
    tool,
    ...(address === undefined ? {} : { address }),
    ...(argument === undefined || value === undefined
      ? {}
      : { when: { argument: pointerOf(argument), value } }),
  };
}

function categoriesOf(said: string | undefined): SourceView['categories'] {
  const words = (said ?? '').split(',').filter((word) => word !== '');
  const strange = words.find((word) => !heldCategories.some((each) => each === word));
  if (strange === undefined) return heldCategories.filter((each) => words.includes(each));
  throw new CliFailure(exitCodes.usage, `${strange} is no kind of sensitive data`, {
    help: `Say a list of ${heldCategories.join(', ')} (with commas and no blanks).`,
  });
}

const levelWords = ({ confidentiality, integrity, categories }: SourceView): string =>
  [confidentiality, integrity, ...categories].join(', ');

export const addSource: Command<AddOptions> = async (cli, [tool = ''], options) => {
  const operator = await cli.operator();
  const body = {
    ...at(tool, options),
    index: options.index,
    confidentiality: options.sensitivity,
    integrity: options.output,
    categories: categoriesOf(options.category),
  };
  const source = await withClearance(cli, operator, 'sources.set', { body }, options);
  cli.out.document(source);
  cli.out
    .say`${style('green', '✓')} ${placeWords(source)} answers from the index ${source.index} (${levelWords(source)}). Whoever has read from another index does not read from it.`;
  return exitCodes.ok;
};

export const removeSource: Command<ClearingOptions & At> = async (cli, [tool = ''], options) => {
  const operator = await cli.operator();
  const body = at(tool, options);
  await withClearance(cli, operator, 'sources.remove', { body }, options);
  cli.out.document(body);
  cli.out.say`${style('green', '✓')} ${placeWords(body)} is no retrieval source any more.`;
  return exitCodes.ok;
};

export const listSources: Command = async (cli) => {
  const { items, trustedFrom, blends } = await (await cli.operator()).call('sources.list');
  cli.out.document({ items, trustedFrom, blends });
  if (items.length === 0) {
    cli.out.say`No retrieval sources are registered. Register one: atf source add SERVER/TOOL --index NAME …`;
    return exitCodes.ok;
  }
  for (const index of new Set(items.map((each) => each.index))) {
    const of = items.filter((each) => each.index === index);
    const [first] = of;
    if (first !== undefined) cli.out.say`${style('bold', index)}: ${levelWords(first)}`;
    for (const source of of) sayOne(cli, source, trustedFrom);
  }
  for (const blend of blends) sayBlend(cli, blend);
  return exitCodes.ok;
};

function sayOne(cli: Cli, source: SourceView, from: number): void {
  const unfit = source.unfit === true ? '; classified higher than its index, so nothing is read from it' : '';
  const mark = source.unfit === true ? style('red', '✗') : style('green', '✓');
  cli.out.say`  ${mark} ${placeWords(source)}${unfit}`;
  const { trust, reasons } = source;
  const doubt = trust < from ? `, below ${from}: what it answers counts as written by anybody` : '';
  cli.out.say`    ${style(trust < from ? 'yellow' : 'dim', `trust ${trust} of 100${doubt}`)}`;
  for (const reason of reasons) cli.out.say`      ${trustWords(reason)}`;
}

function sayBlend(cli: Cli, { agent, indexes, until, over, id }: BlendView): void {
  const ends = over === true ? style('dim', `over since ${until}`) : `until ${until}`;
  cli.out.say`${agent} may bring together ${indexes.join(', ')} ${ends} (${id})`;
}

interface BlendOptions extends ClearingOptions {
  readonly until: string;
  readonly reason: string;
}

const lastMoment = (day: string): string => {
  if (/^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day))) return `${day}T23:59:59.999Z`;
  throw new CliFailure(exitCodes.usage, 'Until which day?', {
    help: 'Say it like this: --until 2026-12-24.',
  });
};

export const blend: Command<BlendOptions> = async (cli, [agent = '', indexes = ''], options) => {
  const until = lastMoment(options.until);
  const operator = await cli.operator();
  const body = { indexes: indexes.split(','), until, reason: options.reason };
  const granted = await withClearance(
    cli,
    operator,
    'sources.blend',
    { params: { id: agent }, body },
    options,
  );
  cli.out.document(granted);
  sayBlend(cli, granted);
  return exitCodes.ok;
};

export const part: Command = async (cli, [name = '', grant]) => {
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const { blends } = await operator.call('sources.list');
  const ended = blends.filter(
    ({ agentId, id }) => agentId === agent.id && (grant === undefined || id === grant),
  );
  if (grant !== undefined && ended.length === 0)
    throw new CliFailure(exitCodes.refused, `${agent.name} has no such grant`, {
      help: 'Look at them: atf source list',
    });
  for (const { id } of ended) await operator.call('sources.part', { params: { id: agent.id, grant: id } });
  cli.out.document({ agent: agent.name, ended });
  for (const { indexes } of ended)
    cli.out.say`${style('green', '✓')} ${agent.name} does not bring ${indexes.join(', ')} together any more.`;
  if (ended.length === 0) cli.out.say`${agent.name} has no such grant.`;
  return exitCodes.ok;
};
