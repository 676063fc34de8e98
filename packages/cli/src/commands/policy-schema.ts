/** `atf policy schema` (S-1): what policies may speak about, with the arguments of tools as types; and those types for `atf policy lint`. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type TypedToolView, typedToolsMax } from '@atf/core/wire/policy-schema';
import { toolRefSchema } from '@atf/core/wire/words';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

/** More than these are not asked about one by one. */
const oneByOneMax = 50;
/** Tools that are told of in all: what is more is no text for a person. */
const toolsMax = 10_000;
const typesBytesMax = 64 * 1_048_576;

type Type = Pick<TypedToolView, 'attributes' | 'leftOut' | 'class' | 'offered'>;
const typeOf = ({ attributes, leftOut, class: action, offered }: TypedToolView): Type => ({
  attributes,
  leftOut,
  ...(action === undefined ? {} : { class: action }),
  ...(offered === undefined ? {} : { offered }),
});
export type ToolTypes = Readonly<Record<string, Type>>;
interface Named {
  readonly tools: readonly string[];
  readonly servers: readonly string[];
}
/** What there is of what policies name. */
export interface Register {
  /** Types of the named tools, and of some tool of each server; `unknown`: nobody could be asked. */
  types(named: Named): Promise<ToolTypes | 'unknown'>;
  /** Of these names and ids of agents, those that somebody has; undefined: nobody could be asked. */
  agents(refs: readonly string[]): Promise<ReadonlySet<string> | undefined>;
}

async function allTools(operator: ControlClient): Promise<{ schema: string; tools: TypedToolView[] }> {
  const tools: TypedToolView[] = [];
  let schema = '';
  for (let after: string | undefined, more = true; more && tools.length < toolsMax; ) {
    const page = await operator.call('policy.schema', { query: after === undefined ? {} : { after } });
    schema = page.schema;
    tools.push(...page.tools);
    after = page.next;
    more = after !== undefined && page.tools.length <= typedToolsMax;
  }
  return { schema, tools };
}

export const showSchema: Command<{ readonly tool?: string }> = async (cli, _, { tool }) => {
  if (tool !== undefined && !toolRefSchema.safeParse(tool).success)
    throw new CliFailure(exitCodes.usage, '--tool takes server/tool', {
      help: 'List them with "atf tool list".',
    });
  const operator = await cli.operator();
  const shown =
    tool === undefined ? await allTools(operator) : await operator.call('policy.schema', { query: { tool } });
  cli.out.document(shown);
  // With one tool, its type stands in the text already.
  const types = tool === undefined ? shown.tools.map(({ text }) => text) : [];
  cli.out.file(`${[shown.schema, ...types].map((text) => text.trimEnd()).join('\n\n')}\n`);
  return exitCodes.ok;
};

async function savedTypes(cli: Cli, file: string): Promise<ToolTypes> {
  const path = resolve(cli.cwd, file);
  const unusable = (why: string) =>
    new CliFailure(exitCodes.usage, `${path}: ${why}`, {
      help: 'Write it with "atf policy schema --json > types.json".',
    });
  if ((await stat(path).catch(() => undefined)) === undefined) throw unusable('there is no such file');
  if ((await stat(path)).size > typesBytesMax) throw unusable('it is too large');
  let read: { tools?: unknown };
  try {
    read = JSON.parse(await readFile(path, 'utf8')) as { tools?: unknown };
  } catch {
    throw unusable('it is not JSON');
  }
  const tools = Array.isArray(read.tools) ? (read.tools as TypedToolView[]) : [];
  if (!tools.every((each) => typeof each.tool === 'string' && typeof each.attributes === 'object'))
    throw unusable('it holds no types of tools');
  return Object.fromEntries(tools.map((each) => [each.tool, typeOf(each)]));
}

async function askedTypes(cli: Cli, named: Named): Promise<ToolTypes | 'unknown'> {
  const types: Record<string, Type> = {};
  try {
    const operator = await cli.operator();
    if (named.servers.length > 0 || named.tools.length > oneByOneMax) {
      const { tools } = await allTools(operator);
      return Object.fromEntries(tools.map((each) => [each.tool, typeOf(each)]));
    }
    for (const tool of named.tools) {
      const found = await operator.call('policy.schema', { query: { tool } }).catch((fault: unknown) => {
        if ((fault as { code?: string }).code === 'segmentation.tool_unknown') return undefined;
        throw fault;
      });
      for (const each of found?.tools ?? []) types[tool] = typeOf(each);
    }
  } catch (fault) {
    cli.out
      .note`${style('yellow', 'Control could not be asked about tools and their arguments:')} ${reasonOf(fault)}. Name saved types with --types FILE ("atf policy schema --json").`;
    return 'unknown';
  }
  return types;
}

const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message : 'it does not answer');

async function askedAgents(cli: Cli, refs: readonly string[]): Promise<ReadonlySet<string> | undefined> {
  const there = new Set<string>();
  try {
    const operator = await cli.operator();
    for (const ref of refs)
      await operator.call('agents.show', { params: { id: ref } }).then(
        () => there.add(ref),
        (fault: unknown) => {
          if ((fault as { code?: string }).code !== 'identity.agent_not_found') throw fault;
        },
      );
  } catch (fault) {
    cli.out.note`${style('yellow', 'Control could not be asked about agents:')} ${reasonOf(fault)}.`;
    return undefined;
  }
  return there;
}

/** For lint: types from a file, else all from the control of this place, once. */
export function registerFrom(cli: Cli, file: string | undefined): Register {
  let types: Promise<ToolTypes | 'unknown'> | undefined;
  let agents: Promise<ReadonlySet<string> | undefined> | undefined;
  return {
    types: (named) => (types ??= file === undefined ? askedTypes(cli, named) : savedTypes(cli, file)),
    agents: (refs) => (agents ??= file === undefined ? askedAgents(cli, refs) : Promise.resolve(undefined)),
  };
}
