/** `atf tool …` (S-1): servers, tools, classification, and changed definitions. */
import type { BodyIn, Tool } from '@atf/core/wire/api';
import type { Dialect } from '@atf/core/wire/database';
import { registeredSchemaLengthMax } from '@atf/core/wire/documents';
import { isJsonObject, type JsonObject, parseStrictText } from '@atf/core/wire/json';
import { askKinds, mayAskSchema } from '@atf/core/wire/words';
import { findingNames } from '@atf/core/wire/tool-findings';
import type { ControlClient } from '@atf/sdk/client';
import { readClassifications } from '../classification-files.ts';
import type { Cli, Command } from '../cli.ts';
import { type ClearingOptions, withClearance } from '../clearance.ts';
import { confirm } from '../confirm.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { type Output, type Styled, style } from '../output.ts';
import { readDefinitions } from '../definitions-file.ts';
import { readCredential, readDocument, readText } from '../service-files.ts';
import { toolOf } from '../tool-names.ts';
import { counted } from '../words.ts';

interface AddOptions {
  readonly url?: string;
  readonly stdio?: boolean;
  readonly cmd?: string;
  readonly definitions?: string;
  readonly openapi?: string;
  readonly baseUrl?: string;
  readonly credentialFile?: string;
  readonly privateNetwork?: boolean;
  readonly domain: string;
  readonly trusted?: boolean;
  readonly stateless?: boolean;
}

export const addServer: Command<AddOptions> = async (cli, [name = ''], options) => {
  const stdio = options.stdio === true || options.cmd !== undefined;
  if ((options.openapi === undefined) !== (options.baseUrl === undefined))
    throw new CliFailure(exitCodes.usage, 'An HTTP service needs its document and its address', {
      help: 'Say --openapi FILE and --base-url URL.',
    });
  if (options.credentialFile !== undefined && options.openapi === undefined)
    throw new CliFailure(exitCodes.usage, '--credential-file is for HTTP services', {
      help: 'Say --openapi FILE and --base-url URL too.',
    });
  if ([options.url, options.definitions, options.openapi].every((each) => each === undefined) && !stdio) {
    throw new CliFailure(exitCodes.usage, 'How is the server reached?', {
      help: 'Say --url URL, --stdio for one that the gateway host starts, --openapi FILE for an HTTP service, or --definitions FILE for tools that agents run themselves.',
    });
  }
  // Read before anything is registered: a file that cannot be used leaves nothing behind.
  const offered = offerOf(options);
  const credential =
    options.credentialFile === undefined ? undefined : readCredential(options.credentialFile);
  const operator = await cli.operator();
  if (options.cmd !== undefined || options.privateNetwork === true) {
    const { writeHostEntry } = await import('../servers-file.ts');
    const entry = {
      ...(options.cmd === undefined ? {} : { command: options.cmd }),
      ...(options.privateNetwork === true ? { privateNetwork: true } : {}),
    };
    cli.out.note`What this host says about it stands in ${writeHostEntry(cli.dataDir, name, entry)} now.`;
  }
  const server = await operator.call('servers.add', {
    body: {
      name,
      transport: transportOf(options),
      domain: options.domain,
      outputTrust: options.trusted === true ? 'trusted' : 'untrusted',
      stateless: options.stateless === true,
      ...(credential === undefined ? {} : { credential }),
    },
  });
  if (offered !== undefined) {
    const { items, leftOut } = await operator.call('servers.define', { params: { name }, body: offered });
    cli.out.document(leftOut === undefined ? server : { ...server, leftOut });
    sayLeftOut(cli.out, leftOut);
    cli.out
      .say`${style('green', '✓')} ${server.name} is registered with ${counted(items.length, 'tool')}. Classify them: atf tool list --server ${server.name}`;
    return exitCodes.ok;
  }
  cli.out.document(server);
  cli.out
    .say`${style('green', '✓')} ${server.name} is registered. The gateway looks what it offers; see: atf tool list --server ${server.name}`;
  if (stdio && options.cmd === undefined)
    cli.out
      .say`Its command must stand in the servers file of the gateway's host; commands never come over the API.`;
  return exitCodes.ok;
};

/** What a person says that the server has; undefined: the gateway asks it. */
function offerOf({ definitions, openapi }: AddOptions): BodyIn<'servers.define'> | undefined {
  if (openapi !== undefined) return { document: readDocument(openapi) };
  return definitions === undefined ? undefined : { definitions: readDefinitions(definitions) };
}

function sayLeftOut(out: Output, leftOut: readonly { operation: string; why: string }[] | undefined): void {
  if (leftOut === undefined || leftOut.length === 0) return;
  out.note`${style('yellow', '!')} ${counted(leftOut.length, 'operation')} left out; agents cannot reach them:`;
  for (const { operation, why } of leftOut) out.note`  ${operation}: ${why}`;
}

function transportOf({ url, definitions, baseUrl }: AddOptions): BodyIn<'servers.add'>['transport'] {
  if (definitions !== undefined) return { kind: 'cooperative' };
  if (baseUrl !== undefined) return { kind: 'openapi', url: baseUrl };
  return url === undefined ? { kind: 'stdio' } : { kind: 'http', url };
}

export const setMayAsk: Command<ClearingOptions> = async (cli, [name = '', kinds = ''], options) => {
  const given = mayAskSchema.safeParse(kinds === 'nothing' ? [] : kinds.split(','));
  if (!given.success)
    throw new CliFailure(exitCodes.usage, 'What may it ask for?', {
      help: `Say a list of ${askKinds.join(', ')} (with commas and no blanks), or: nothing.`,
    });
  const operator = await cli.operator();
  const request = { params: { name }, body: { mayAsk: given.data } };
  const server = await withClearance(cli, operator, 'servers.mayAsk', request, options);
  cli.out.document(server);
  const what = server.mayAsk.length === 0 ? 'nothing' : server.mayAsk.join(', ');
  cli.out.say`${style('green', '✓')} ${server.name} may ask agents for: ${what}.`;
  return exitCodes.ok;
};

export const defineTools: Command = async (cli, [name = '', file = '']) => {
  const operator = await cli.operator();
  const { items: servers } = await operator.call('servers.list');
  const isService = servers.some((server) => server.name === name && server.transport.kind === 'openapi');
  const body = isService ? { document: readDocument(file) } : { definitions: readDefinitions(file) };
  const { items, leftOut } = await operator.call('servers.define', { params: { name }, body });
  sayLeftOut(cli.out, leftOut);
  for (const tool of items) cli.out.document(tool);
  cli.out.table(columns, items.map(rowOf));
  const waiting = items.filter(({ state }) => state === 'quarantined').length;
  if (waiting > 0)
    cli.out
      .say`${counted(waiting, 'tool')} changed or came new: look with atf tool show, then atf tool accept.`;
  return exitCodes.ok;
};

export const setCredential: Command<{ readonly credentialFile?: string; readonly none?: boolean }> = async (
  cli,
  [name = ''],
  { credentialFile, none },
) => {
  if ((credentialFile === undefined) === (none !== true))
    throw new CliFailure(exitCodes.usage, 'Which credential?', {
      help: 'Say --credential-file FILE, or --none to take it away.',
    });
  const credential = credentialFile === undefined ? null : readCredential(credentialFile);
  const operator = await cli.operator();
  const server = await operator.call('servers.credential', { params: { name }, body: { credential } });
  cli.out.document(server);
  cli.out
    .say`${style('green', '✓')} The gateway asks ${name} ${credential === null ? 'without a credential' : 'with this credential'} from now on.`;
  return exitCodes.ok;
};

export const listTools: Command<{ readonly server?: string }> = async (cli, _, { server }) => {
  const operator = await cli.operator();
  const [tools, servers] = await Promise.all([operator.call('tools.list'), operator.call('servers.list')]);
  const items = tools.items.filter((tool) => server === undefined || tool.server === server);
  for (const tool of items) cli.out.document(tool);
  for (const each of servers.items.filter(({ name }) => server === undefined || name === server)) {
    if (each.fault !== undefined) cli.out.note`${style('red', '✗')} ${each.name}: ${each.fault}`;
  }
  if (items.length === 0)
    cli.out
      .say`No tools${server === undefined ? '' : ` of ${server}`} yet. Register a server: atf tool add NAME --url URL --domain DOMAIN`;
  else cli.out.table(columns, items.map(rowOf));
  return exitCodes.ok;
};

const columns = [
  { title: 'TOOL' },
  { title: 'CLASS' },
  { title: 'DATA' },
  { title: 'DOMAIN' },
  { title: 'STATE' },
] as const;

function rowOf(tool: Tool) {
  const { classification } = tool;
  return [
    `${tool.server}/${tool.name}`,
    classOf(tool),
    classification.sensitivity,
    classification.domain,
    stateOf(tool),
  ];
}

function classOf({ classification, effectiveClass }: Tool): string {
  if (classification.class === undefined) return `${effectiveClass} (unclassified)`;
  return classification.by === 'person' ? effectiveClass : `${effectiveClass} (automatic)`;
}

function stateOf({ state, reviewed }: Tool): Styled {
  // Active since its server was registered, and no person has looked at it since.
  if (state === 'active' && !reviewed) return style('yellow', 'never reviewed');
  if (state === 'active') return style('green', state);
  return style(state === 'quarantined' ? 'yellow' : 'dim', state === 'quarantined' ? `! ${state}` : state);
}

export const showTool: Command = async (cli, [ref = '']) => {
  const operator = await cli.operator();
  const tool = await operator.call('tools.show', { params: toolOf(ref) });
  cli.out.document(tool);
  show(cli.out, tool);
  return exitCodes.ok;
};

function show(out: Output, tool: Tool): void {
  const { classification } = tool;
  out.say`${style('bold', `${tool.server}/${tool.name}`)}: ${stateOf(tool)}${tool.why === undefined ? '' : ` because ${tool.why}`}`;
  out.table(
    [{ title: 'FACT' }, { title: '' }],
    [
      ['class', classOf(tool)],
      ['reviewed by a person', tool.reviewed ? 'yes' : 'never; correct it with: atf tool classify'],
      ['sensitivity', classification.sensitivity],
      ['output', classification.outputTrust],
      ['domain', classification.domain],
      ...(classification.resources ?? []).map(({ address, sensitivity, outputTrust }) => [
        address,
        `${sensitivity}, ${outputTrust}`,
      ]),
      [
        'reversible',
        classification.reversible
          ? `yes${classification.inverse === undefined ? '' : `, by ${classification.inverse}`}`
          : 'no',
      ],
      ['may be repeated', classification.idempotent ? 'yes' : 'no'],
      ['an agent may write alone', classification.writeSafe ? 'yes' : 'no'],
      ['keeps what agents read later', classification.memory === true ? 'yes' : 'no'],
      [
        'arguments',
        Object.entries(classification.arguments)
          .map(([role, name]) => `${role}=${name}`)
          .join(', ') || '–',
      ],
      ...(classification.arguments.sql === undefined ? [] : [['database', databaseWords(classification)]]),
      ...Object.entries(classification.database?.tables ?? {}).map(([name, said]) => [
        `table ${name}`,
        Object.values(said).join(', '),
      ]),
      ['definition', tool.definitionDigest],
    ],
  );
  if (tool.diff.length > 0) showDiff(out, tool);
  if (tool.findings.length > 0) showFindings(out, tool);
  if (classification.outputSchema !== undefined) {
    out.say`Its results must fit:`;
    out.block(JSON.stringify(classification.outputSchema, undefined, 2));
  }
  out.say`What the server says about it (untrusted):`;
  out.block(JSON.stringify(tool.definition, undefined, 2));
}

function showFindings(out: Output, tool: Tool): void {
  out.say`${style('yellow', 'What was found in its definition:')}`;
  for (const { name, severity, path, says, acknowledged } of tool.findings)
    out.say`  ${style(severity === 'severe' && !acknowledged ? 'red' : 'dim', name)} at ${path}: ${says}${acknowledged ? ' Whoever accepted it knew.' : ''}`;
}

const isOpen = ({ severity, acknowledged }: Tool['findings'][number]): boolean =>
  severity === 'severe' && !acknowledged;

/** What is registered, looked at anew: for people, and for CI by the exit code. */
export const scanTools: Command<{ readonly server?: string }> = async (cli, _, { server }) => {
  const operator = await cli.operator();
  const { items } = await operator.call('tools.list');
  const looked = items.filter(
    (tool) => tool.state !== 'removed' && (server === undefined || tool.server === server),
  );
  const found = looked.filter(({ findings }) => findings.length > 0);
  for (const tool of found) {
    cli.out.document(tool);
    cli.out.say`${style('bold', `${tool.server}/${tool.name}`)}: ${stateOf(tool)}`;
    showFindings(cli.out, tool);
  }
  const open = found.filter(({ findings }) => findings.some(isOpen));
  cli.out
    .say`${counted(looked.length, 'tool')} looked at; ${open.length === 0 ? 'no severe finding that nobody has acknowledged' : `${counted(open.length, 'tool')} with severe findings`}.`;
  return open.length === 0 ? exitCodes.ok : exitCodes.dangerous;
};

function databaseWords({ database }: Tool['classification']): string {
  if (database === undefined) return 'nobody has said which: every call is refused; say it with --dialect';
  const { dialect, schema, functions } = database;
  const more = functions === undefined ? '' : `; also ${functions.join(', ')}`;
  return `${dialect}${schema === undefined ? '' : `, schema ${schema}`}${more}`;
}

function showDiff(out: Output, tool: Tool): void {
  out.say`${style('yellow', 'The definition on offer is not the accepted one:')} ${tool.offeredDigest ?? ''}`;
  for (const line of tool.diff) {
    out.say`${line.path}`;
    if (line.accepted !== undefined) out.say`  ${style('red', `- ${line.accepted}`)}`;
    if (line.offered !== undefined) out.say`  ${style('green', `+ ${line.offered}`)}`;
  }
  for (const { at = '', policy, argument, before, after, fits } of tool.concerns ?? []) {
    const then = fits ? 'it was checked against that, too' : 'it must be applied again first';
    out.say`${style('yellow', 'A policy in force asks about it:')} ${at} ${policy}: ${argument} is ${before}, and would be ${after}; ${then}`;
  }
}

interface ClassifyOptions extends ClearingOptions {
  readonly file?: string;
  readonly class?: Tool['effectiveClass'];
  readonly sensitivity?: Tool['classification']['sensitivity'];
  readonly output?: 'trusted' | 'untrusted';
  readonly domain?: string;
  readonly reversible?: 'yes' | 'no';
  readonly inverse?: string;
  readonly idempotent?: 'yes' | 'no';
  readonly writeSafe?: 'yes' | 'no';
  readonly memory?: 'yes' | 'no';
  readonly amount?: string;
  readonly currency?: string;
  readonly destination?: string;
  readonly object?: string;
  readonly query?: string;
  readonly sql?: string;
  readonly dialect?: Dialect;
  readonly schema?: string;
  readonly functions?: string;
  readonly outputSchema?: string;
  readonly resource?: string;
  readonly forget?: boolean;
}

/** Every tool that the file names, all or none, with one clearance. */
async function classifyByFile(cli: Cli, name: string, file: string, options: ClassifyOptions): Promise<void> {
  const body = { tools: readClassifications(file) };
  const operator = await cli.operator();
  const call = { params: { name }, body };
  const { items } = await withClearance(cli, operator, 'servers.classify', call, options);
  for (const tool of items) cli.out.document(tool);
  cli.out
    .say`${style('green', '✓')} ${counted(items.length, 'tool')} of ${name} ${items.length === 1 ? 'is' : 'are'} what ${file} says.`;
}

export const classifyTool: Command<ClassifyOptions> = async (cli, [ref = ''], options) => {
  if (options.file !== undefined) {
    await classifyByFile(cli, ref, options.file, options);
    return exitCodes.ok;
  }
  const operator = await cli.operator();
  if (options.resource !== undefined || options.forget === true) {
    const resources = await resourcesOf(operator, ref, options);
    const call = { params: toolOf(ref), body: { resources } };
    const tool = await withClearance(cli, operator, 'tools.classify', call, options);
    cli.out.document(tool);
    show(cli.out, tool);
    return exitCodes.ok;
  }
  const roles = await rolesOf(operator, ref, options);
  const body: BodyIn<'tools.classify'> = {
    ...(options.class === undefined ? {} : { class: options.class }),
    ...(options.sensitivity === undefined ? {} : { sensitivity: options.sensitivity }),
    ...(options.output === undefined ? {} : { outputTrust: options.output }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    ...(options.reversible === undefined ? {} : { reversible: options.reversible === 'yes' }),
    ...(options.inverse === undefined ? {} : { inverse: options.inverse }),
    ...(options.idempotent === undefined ? {} : { idempotent: options.idempotent === 'yes' }),
    ...(options.writeSafe === undefined ? {} : { writeSafe: options.writeSafe === 'yes' }),
    ...(options.memory === undefined ? {} : { memory: options.memory === 'yes' }),
    ...(Object.keys(roles).length === 0 ? {} : { arguments: roles }),
    ...databaseOf(options),
    ...(options.outputSchema === undefined ? {} : { outputSchema: schemaOf(options.outputSchema) }),
  };
  if (Object.keys(body).length === 0)
    throw new CliFailure(exitCodes.usage, 'Nothing to correct', {
      help: 'Say for example --class write --domain finance.',
    });
  const tool = await withClearance(cli, operator, 'tools.classify', { params: toolOf(ref), body }, options);
  cli.out.document(tool);
  show(cli.out, tool);
  return exitCodes.ok;
};

/** A schema for results; `none` takes it away. */
function schemaOf(file: string): JsonObject {
  if (file === 'none') return {};
  const parsed = parseStrictText(readText(file, 4 * registeredSchemaLengthMax));
  if (parsed.ok && isJsonObject(parsed.value) && Object.keys(parsed.value).length > 0) return parsed.value;
  throw new CliFailure(
    exitCodes.usage,
    `${file} is no JSON Schema${parsed.ok ? '' : `: ${parsed.problem}`}`,
    {
      help: 'It is one JSON object, for example { "type": "object", "required": ["id"] }; say --output-schema none to take it away.',
    },
  );
}

const ofWholeTools = [
  ...(['class', 'domain', 'reversible', 'inverse', 'idempotent', 'writeSafe', 'amount', 'currency'] as const),
  ...(['destination', 'object', 'query', 'sql', 'dialect', 'schema', 'functions', 'outputSchema'] as const),
];

/** The addresses of a template with this one said anew, or not any more. */
async function resourcesOf(
  operator: ControlClient,
  ref: string,
  { resource: address, forget, sensitivity, output, ...others }: ClassifyOptions,
): Promise<NonNullable<Tool['classification']['resources']>> {
  const saysMore = ofWholeTools.some((name) => others[name] !== undefined);
  if (address === undefined || saysMore || (forget !== true && (!sensitivity || !output)))
    throw new CliFailure(exitCodes.usage, 'What is said of the resource?', {
      help: 'Say --resource ADDRESS --sensitivity … --output …, or --resource ADDRESS --forget, and nothing else.',
    });
  const { classification } = await operator.call('tools.show', { params: toolOf(ref) });
  const kept = (classification.resources ?? []).filter((each) => each.address !== address);
  if (forget === true || sensitivity === undefined || output === undefined) return kept;
  return [...kept, { address, sensitivity, outputTrust: output }];
}

const argumentRoles = ['amount', 'currency', 'destination', 'object', 'query', 'sql'] as const;

/** What reads the SQL, said as a whole. */
function databaseOf({
  dialect,
  schema,
  functions,
}: ClassifyOptions): Pick<BodyIn<'tools.classify'>, 'database'> {
  if (dialect === undefined) {
    if (schema === undefined && functions === undefined) return {};
    throw new CliFailure(exitCodes.usage, '--schema and --functions need --dialect', {
      help: 'Say for example --dialect postgresql --schema public.',
    });
  }
  const database = {
    dialect,
    ...(schema === undefined ? {} : { schema }),
    ...(functions === undefined ? {} : { functions: functions.split(',').map((name) => name.trim()) }),
  };
  return { database };
}

/** The roles that were named, beside the ones that stay as they are. */
async function rolesOf(
  operator: ControlClient,
  ref: string,
  options: ClassifyOptions,
): Promise<Tool['classification']['arguments']> {
  const named = Object.fromEntries(
    argumentRoles.flatMap((role) => (options[role] === undefined ? [] : [[role, options[role]]])),
  );
  if (Object.keys(named).length === 0) return {};
  const { classification } = await operator.call('tools.show', { params: toolOf(ref) });
  return { ...classification.arguments, ...named };
}

function acknowledgedOf(names: string | undefined): BodyIn<'tools.accept'>['acknowledged'] {
  const given = names === undefined ? [] : names.split(',');
  const known = findingNames.filter((name) => given.includes(name));
  if (given.every((name) => known.some((each) => each === name))) return known;
  throw new CliFailure(exitCodes.usage, 'What is acknowledged?', {
    help: `Say names of findings, with commas and no blanks: ${findingNames.join(', ')}.`,
  });
}

export const acceptTool: Command<
  ClearingOptions & { readonly digest?: string; readonly yes?: boolean; readonly acknowledge?: string }
> = async (cli, [ref = ''], options) => {
  const operator = await cli.operator();
  const tool = await operator.call('tools.show', { params: toolOf(ref) });
  const digest =
    options.digest ??
    tool.offeredDigest ??
    (tool.state === 'quarantined' ? tool.definitionDigest : undefined);
  if (digest === undefined) {
    cli.out.document(tool);
    cli.out
      .say`There is nothing to accept: ${ref} is ${tool.state} with the definition that its server offers.`;
    return exitCodes.ok;
  }
  if (options.digest === undefined && options.yes !== true) {
    show(cli.out, tool);
    await confirm(cli, `Accept this definition of ${tool.server}/${tool.name}?`);
  }
  const acknowledged = acknowledgedOf(options.acknowledge);
  const accepted = await withClearance(
    cli,
    operator,
    'tools.accept',
    { params: toolOf(ref), body: { digest, acknowledged } },
    options,
  );
  cli.out.document(accepted);
  cli.out.say`${style('green', '✓')} ${ref} is ${accepted.state} with ${accepted.definitionDigest}.`;
  return exitCodes.ok;
};
