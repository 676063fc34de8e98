/**
 * Room: segmentation (S-4, D-2). Retrieval sources: which tool, which value of its argument, or which addresses under a template, answers from which index. An index holds one level, whoever answers
 * from it; a tool that is classified higher is no source of it. What a call may read is decided by core/segmentation/retrieval.ts.
 */
import { argumentTypes, hasArgument } from '@atf/core/segmentation/argument-types';
import { isLike, isPlainValue, namesOf } from '@atf/core/segmentation/chosen-index';
import { nothingSeen, trustOf } from '@atf/core/data/source-trust';
import { refuse } from '@atf/core/errors';
import { isWithin, labelsOfTool } from '@atf/core/segmentation/flow';
import { kindOf, offeredName } from '@atf/core/segmentation/offer';
import { ofResource } from '@atf/core/segmentation/resource-classes';
import { standsFor } from '@atf/core/segmentation/resource-uri';
import { isAbove, unknownIndex } from '@atf/core/segmentation/retrieval';
import type { BodyOut } from '@atf/core/wire/api';
import {
  placeWords,
  type SourceDoc,
  sourcesMax,
  sourcesOfToolMax,
  type SourceView,
} from '@atf/core/wire/retrieval';
import type { Control, Db, Tx } from '../context.ts';
import { allSeen, type AllSeen } from '../data/trust/trust.ts';
import { toolDocOf } from './documents.ts';
import { dropIndex, type IndexRow, lockIndex, toolsWithSources } from './retrieval-store.ts';
import { lockServer, lockTool, putTool, type ToolRow } from './store.ts';
import type { KeptSource } from './tables.ts';

type Given = BodyOut<'sources.set'>;
type At = Pick<Given, 'tool' | 'address' | 'when'>;

const placeOf = ({ tool, address, when }: At) => ({
  tool,
  ...(address === undefined ? {} : { address }),
  ...(when === undefined ? {} : { when }),
});
const isAt =
  ({ address, when }: Omit<At, 'tool'>) =>
  (source: Omit<At, 'tool'>): boolean =>
    source.address === address &&
    source.when?.argument === when?.argument &&
    source.when?.value === when?.value;

/** The classification of the tool as it is for this source, without what sources say. */
function labelsAt(row: ToolRow, address: string | undefined) {
  const { sources: _, ...tool } = toolDocOf(row);
  return labelsOfTool(ofResource(tool, address === undefined ? {} : { uri: address }));
}

function sourceViewOf(row: ToolRow, source: KeptSource, all: AllSeen): SourceView {
  const isUnfit = isAbove(labelsAt(row, source.address).confidentiality, source);
  const seen = all.of(row, source);
  const { score: trust, reasons } = trustOf(seen);
  const tool = `${row.server}/${row.name}`;
  return { ...source, tool, trust, reasons: [...reasons], seen, ...(isUnfit ? { unfit: true } : {}) };
}

/** The tool under its lock, with its server's before, as a discovery takes them. */
async function lockedTool({ config }: Control, tx: Tx, ref: string): Promise<ToolRow> {
  const [server = ''] = ref.split('/');
  await lockServer(tx, config.tenant, server);
  const row = await lockTool(tx, config.tenant, server, ref.slice(server.length + 1));
  return row === undefined || row.state === 'removed' ? refuse('segmentation.tool_unknown') : row;
}

/** An argument that the tool takes, with a value that nobody can write in two ways. */
function checkWhen(row: ToolRow, { argument, value }: NonNullable<Given['when']>): void {
  if (kindOf(row.name) !== 'tool')
    refuse('request.malformed', 'when: only tools choose an index by an argument');
  const names = namesOf(argument);
  const types = argumentTypes(toolDocOf(row).definition);
  if (!hasArgument(types, names) && !types.leftOut.has(names.join('.')))
    refuse('request.malformed', `when: the definition of the tool has no argument ${argument}`);
  if (!isPlainValue(value))
    refuse(
      'request.malformed',
      'when: the value has blanks at its ends or in a row, or characters that nobody sees, or is not in normal form C',
    );
  const like = row.sources.find(
    ({ when }) => when?.argument === argument && when.value !== value && isLike(when.value, value),
  );
  if (like !== undefined)
    refuse(
      'request.malformed',
      `when: ${JSON.stringify(like.when?.value)} is registered, which differs in case, blanks or form alone`,
    );
}

/** What would silently never bind, or bind what it should not, is no source. */
function checkSource(row: ToolRow, given: Given): void {
  const { address, index, confidentiality, integrity } = given;
  if (index === unknownIndex) refuse('request.malformed', 'index: this name stands for what nobody knows');
  const kind = kindOf(row.name);
  if (kind === 'prompt') refuse('request.malformed', 'tool: a prompt retrieves nothing');
  if (address !== undefined && kind !== 'template')
    refuse('request.malformed', 'address: only templates stand for several addresses');
  if (address !== undefined && !standsFor(offeredName(row.name), address))
    refuse(
      'request.malformed',
      'address: none that the template stands for, and no beginning of one that ends with "/"',
    );
  if (given.when !== undefined) checkWhen(row, given.when);
  const { class: action, by } = row.classification;
  if (action === undefined || by !== 'person')
    refuse('request.malformed', 'tool: a person classifies it first (atf tool classify)');
  if (action !== 'read')
    refuse('request.malformed', `tool: its class is ${action}; what only reads is a source`);
  const labels = labelsAt(row, address);
  if (!isWithin(labels, { confidentiality, integrity }))
    refuse(
      'segmentation.index_exceeded',
      `it is classified ${labels.confidentiality}, ${labels.integrity}; the index would hold what is ${confidentiality}, ${integrity}`,
    );
}

const wordsOf = ({
  confidentiality,
  integrity,
  categories,
}: Pick<IndexRow, 'confidentiality' | 'integrity' | 'categories'>) =>
  [confidentiality, integrity, [...categories].sort().join(' ')].filter((each) => each !== '').join(', ');

/** The index at this level, locked. Refuses `segmentation.index_level` when it has another one. */
async function indexFor(
  { config }: Control,
  tx: Tx,
  given: Given,
  own: KeptSource | undefined,
): Promise<void> {
  const { index: name, confidentiality, integrity, categories } = given;
  const wanted: IndexRow = { tenant: config.tenant, name, confidentiality, integrity, categories };
  const known = await lockIndex(tx, wanted);
  if (wordsOf(known) === wordsOf(wanted)) return;
  // Whoever is its only source says anew what it holds.
  const others = (await allSources(tx, config.tenant)).filter(({ index }) => index === name);
  if (others.length === 1 && own?.index === name) {
    await dropIndex(tx, config.tenant, name);
    await lockIndex(tx, wanted);
  } else refuse('segmentation.index_level', `${name} holds what is ${wordsOf(known)}`);
}

const allSources = async (db: Db | Tx, tenant: string): Promise<KeptSource[]> =>
  (await toolsWithSources(db, tenant)).flatMap(({ sources }) => [...sources]);

async function write(
  control: Control,
  tx: Tx,
  row: ToolRow,
  sources: readonly KeptSource[],
): Promise<ToolRow> {
  const written = await putTool(tx, { ...row, sources, updated_at: control.clock.nowMs() });
  await control.feed.put(tx, 'tool', `${row.server}/${row.name}`, toolDocOf(written));
  return written;
}

async function forgetEmpty({ config }: Control, tx: Tx, index: string): Promise<void> {
  if (!(await allSources(tx, config.tenant)).some((source) => source.index === index))
    await dropIndex(tx, config.tenant, index);
}

const saidOf = ({ index, confidentiality, integrity, categories }: SourceDoc) => ({
  index,
  confidentiality,
  integrity,
  categories: [...categories],
});

/**
 * Registers a source, or moves it to another index. Refuses `segmentation.tool_unknown`, `segmentation.index_exceeded`, `segmentation.index_level`,
 * `request.malformed`, `request.overloaded`.
 */
export async function setSource(control: Control, tx: Tx, given: Given, by: string): Promise<SourceView> {
  const row = await lockedTool(control, tx, given.tool);
  checkSource(row, given);
  const before = row.sources.find(isAt(given));
  if (before === undefined && row.sources.length >= sourcesOfToolMax)
    refuse('request.overloaded', `more than ${sourcesOfToolMax} sources of one tool`);
  await indexFor(control, tx, given, before);
  if (before === undefined && (await allSources(tx, control.config.tenant)).length >= sourcesMax)
    refuse('request.overloaded', `more than ${sourcesMax} sources`);
  const { tool: _, ...place } = placeOf(given);
  const source: KeptSource = {
    ...place,
    ...saidOf(given),
    trust: before?.index === given.index ? (before.trust ?? 0) : trustOf(nothingSeen).score,
    since: before?.index === given.index ? before.since : new Date(control.clock.nowMs()).toISOString(),
    by,
  };
  const others = row.sources.filter((each) => each !== before);
  const written = await write(control, tx, row, [...others, source]);
  if (before !== undefined && before.index !== given.index) await forgetEmpty(control, tx, before.index);
  await control.audit.enqueue(tx, 'segmentation.source_registered', {
    ...placeOf(given),
    before: before === undefined ? null : saidOf(before),
    after: saidOf(source),
    by,
  });
  return sourceViewOf(written, source, await allSeen(control, tx));
}

/** Refuses `segmentation.tool_unknown`, `segmentation.source_unknown`. */
export async function removeSource(control: Control, tx: Tx, at: At, by: string): Promise<void> {
  const [server = ''] = at.tool.split('/');
  const { tenant } = control.config;
  await lockServer(tx, tenant, server);
  const row = await lockTool(tx, tenant, server, at.tool.slice(server.length + 1));
  const source = row?.sources.find(isAt(at));
  if (row === undefined || source === undefined) return refuse('segmentation.source_unknown');
  const { index: name, confidentiality, integrity, categories } = source;
  await lockIndex(tx, { tenant, name, confidentiality, integrity, categories });
  await write(
    control,
    tx,
    row,
    row.sources.filter((each) => each !== source),
  );
  await forgetEmpty(control, tx, source.index);
  await control.audit.enqueue(tx, 'segmentation.source_removed', {
    ...placeOf(at),
    before: saidOf(source),
    by,
  });
}

export async function listSources(control: Control): Promise<SourceView[]> {
  const { db, config } = control;
  const rows = await toolsWithSources(db, config.tenant);
  const seen = await allSeen(control, db);
  const views = rows.flatMap((row) => row.sources.map((source) => sourceViewOf(row, source, seen)));
  const keyOf = (source: SourceView) => `${source.index} ${placeWords(source)}`;
  return views.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}
