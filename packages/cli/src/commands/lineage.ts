/** `atf lineage of`, `touched` and `value` (D-5): where something came from, what it has touched, and which records hold a value. */
import { text as readAll } from 'node:stream/consumers';
import {
  type LineageEdge,
  type LineageGraph,
  lineageDepthMax,
  type LineageNode,
  type LineageRoot,
  lineageRootsMax,
} from '@atf/core/wire/lineage';
import { type LineageHit, lineageValueMax } from '@atf/core/wire/lineage-search';
import { lineageWords } from '@atf/core/wire/lineage-words';
import { toolRefSchema, uuidSchema } from '@atf/core/wire/words';
import type { BodyIn } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';

interface GraphOptions {
  readonly depth: string;
  readonly prov?: boolean;
}
type Direction = LineageGraph['direction'];
type Where = LineageHit['where'];

function depthOf(given: string): number {
  const depth = Number(given);
  if (!Number.isInteger(depth) || depth < 1 || depth > lineageDepthMax)
    throw new CliFailure(exitCodes.usage, `--depth takes 1 to ${lineageDepthMax}`);
  return depth;
}

function nodeWords({ kind, id, name, agent, outcome, labels, at }: LineageNode): string {
  if (kind === 'source') return name;
  const who = agent === undefined ? '' : ` by ${agent}`;
  if (kind === 'task') return `task ${id}`;
  if (kind === 'session') return `session ${id}${agent === undefined ? '' : ` of ${agent}`}`;
  const holds = labels === undefined ? '' : `, holds ${labels.join(', ')}`;
  return `${name}${who}: ${outcome ?? ''}${holds}${at === undefined ? '' : `, ${at}`}, action ${id}`;
}

/** Each node once, below what it was reached from. */
function tellGraph({ out }: Cli, { roots, direction, nodes, edges, cut, behind }: LineageGraph): void {
  const known = new Map(nodes.map((node) => [node.key, node]));
  const near = new Map<string, LineageEdge[]>();
  for (const edge of edges) {
    const at = direction === 'from' ? edge.to : edge.from;
    near.set(at, [...(near.get(at) ?? []), edge]);
  }
  const told = new Set<string>();
  const tell = (key: string, depth: number, by: LineageEdge | undefined): void => {
    const node = known.get(key);
    if (node === undefined) return;
    const again = told.has(key);
    const words = by === undefined ? '' : `${lineageWords(by)}${by.sure ? '' : ' (may have had a part)'}: `;
    out.say`${'  '.repeat(depth)}${style('dim', words)}${nodeWords(node)}${again && near.has(key) ? ' (above)' : ''}`;
    if (again) return;
    told.add(key);
    for (const edge of near.get(key) ?? []) tell(direction === 'from' ? edge.from : edge.to, depth + 1, edge);
  };
  for (const root of roots) tell(root, 0, undefined);
  if (edges.length === 0)
    out.say`Nothing on record leads ${direction === 'from' ? 'there' : 'on from there'}.`;
  if (cut) out.say`${style('yellow', 'There is more')} than these bounds let in (--depth).`;
  if (behind > 0) out.say`${style('yellow', '!')} ${counted(behind, 'newer record')} not looked through yet.`;
}

async function ask(
  cli: Cli,
  operator: ControlClient,
  body: BodyIn<'lineage.graph'>,
  prov: boolean,
): Promise<ExitCode> {
  if (prov) {
    const document = await operator.call('lineage.prov', { body });
    cli.out.document(document);
    cli.out.file(`${JSON.stringify(document, null, 2)}\n`);
    return exitCodes.ok;
  }
  const graph = await operator.call('lineage.graph', { body });
  cli.out.document(graph);
  tellGraph(cli, graph);
  return exitCodes.ok;
}

export const lineageOf: Command<GraphOptions> = async (cli, [action = ''], { depth, prov = false }) => {
  if (!uuidSchema.safeParse(action).success)
    throw new CliFailure(exitCodes.usage, `${action} is no action id`, {
      help: 'atf activity --json names them.',
    });
  const roots: LineageRoot[] = [{ kind: 'action', id: action }];
  return ask(cli, await cli.operator(), { roots, direction: 'from', depth: depthOf(depth) }, prov);
};

/** What calls named it; a tool or a resource by its own name, everything else by the arguments in which it stands. */
async function rootsOf(operator: ControlClient, what: string): Promise<LineageRoot[]> {
  if (uuidSchema.safeParse(what).success) return [{ kind: 'action', id: what }];
  if (toolRefSchema.safeParse(what).success) {
    const [server = '', ...tool] = what.split('/');
    const { items } = await operator.call('tools.list');
    if (items.some((each) => each.server === server && each.name === tool.join('/')))
      return [{ kind: 'source', id: what }];
  }
  const { items } = await valuePage(operator, { value: what, where: 'arguments' });
  if (items.length === 0)
    throw new CliFailure(exitCodes.refused, `No recorded call names ${JSON.stringify(what)}`, {
      help: 'Name an action, a tool or resource (server/tool), or a document as it stands in the arguments of a call.',
    });
  return [...new Set(items.map(({ action }) => action))]
    .slice(0, lineageRootsMax)
    .map((id) => ({ kind: 'action', id }));
}

export const lineageTouched: Command<GraphOptions> = async (cli, [what = ''], { depth, prov = false }) => {
  const operator = await cli.operator();
  const direction: Direction = 'to';
  const roots = await rootsOf(operator, what);
  return ask(cli, operator, { roots, direction, depth: depthOf(depth) }, prov);
};

interface Sought {
  readonly value: string;
  readonly agent?: string;
  readonly where?: Where;
}

interface Found {
  readonly items: LineageHit[];
  readonly looked: number;
  readonly erased: number;
  readonly partly: number;
}

/** Page after page; a page ends by time as well. */
async function valuePage(operator: ControlClient, sought: Sought): Promise<Found> {
  const found = { items: [] as LineageHit[], looked: 0, erased: 0, partly: 0 };
  for (let before: number | undefined; ; ) {
    const page = await operator.call('lineage.value', {
      body: { ...sought, ...(before === undefined ? {} : { before }) },
    });
    found.items.push(...page.items);
    found.looked += page.looked;
    found.erased += page.erased;
    found.partly += page.partly;
    before = page.next;
    if (before === undefined || found.items.length >= hitsShown) return found;
  }
}

const hitsShown = 500;

export const lineageValue: Command<{ readonly agent?: string; readonly where?: Where }> = async (
  cli,
  _,
  { agent, where },
) => {
  if (process.stdin.isTTY === true) cli.out.note`Type the value, then Ctrl-D.`;
  const value = (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (value === '' || value.length > lineageValueMax)
    throw new CliFailure(
      exitCodes.usage,
      `The value on standard input has 1 to ${lineageValueMax} characters`,
    );
  const operator = await cli.operator();
  const found = await valuePage(operator, {
    value,
    ...(agent === undefined ? {} : { agent }),
    ...(where === undefined ? {} : { where }),
  });
  cli.out.document(found);
  const { items, looked, erased, partly } = found;
  if (items.length > 0)
    cli.out.table(
      [
        { title: 'WHEN' },
        { title: 'AGENT' },
        { title: 'SOURCE' },
        { title: 'WHERE' },
        { title: 'AS' },
        { title: 'ACTION' },
      ],
      items.map(({ at, agent: name, source, where: place, how, action }) => [
        at,
        name ?? '',
        source,
        place,
        how === 'field' ? 'a whole field' : 'part of a text',
        action,
      ]),
    );
  cli.out
    .say`${items.length === 0 ? 'No record that is kept holds it' : `Found in ${counted(items.length, 'record')}`}; ${counted(looked, 'content')} looked through, ${erased} erased, ${partly} compared only in part.`;
  cli.out.say`${style('dim', 'Values that were masked before they were kept cannot be found.')}`;
  return exitCodes.ok;
};
