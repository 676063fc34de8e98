/** `atf notify …`: what people were told, who took note, where it goes, and whether it arrived. A signing secret is printed once, and never logged. */
import { readFile } from 'node:fs/promises';
import { noticeKindSchema, severitySchema, targetInputSchema } from '@atf/core/wire/notifications';
import type { ControlClient } from '@atf/sdk/client';
import { type ClearingOptions, withClearance } from '../clearance.ts';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { limitMax, listLimit } from '../list-limit.ts';
import { style } from '../output.ts';
import { untilDecided } from '../wait.ts';
import { personOf } from './people.ts';

const urlVariable = 'ATF_NOTIFY_URL';
const passwordVariable = 'ATF_SMTP_PASSWORD';

export const listNotifications: Command<{ readonly all?: boolean; readonly limit: string }> = async (
  cli,
  _,
  options,
) => {
  const query = {
    limit: listLimit(options.limit),
    ...(options.all === true ? {} : { open: 'true' as const }),
  };
  const { items } = await (await cli.operator()).call('notifications.list', { query });
  for (const item of items) cli.out.document(item);
  if (items.length === 0) {
    cli.out
      .say`${options.all === true ? 'Nobody was told anything yet.' : 'Somebody has taken note of everything.'}`;
    return exitCodes.ok;
  }
  cli.out.table(
    [{ title: 'ID' }, { title: 'WHEN' }, { title: 'SEVERITY' }, { title: 'WHAT' }, { title: 'TAKEN NOTE' }],
    items.map((item) => [
      item.id.slice(0, 8),
      item.at.slice(0, 19).replace('T', ' '),
      item.severity,
      item.summary,
      item.acknowledged?.by ?? 'nobody',
    ]),
  );
  return exitCodes.ok;
};

/** The one whose id is this or begins so. */
async function idOf(operator: ControlClient, given: string): Promise<string> {
  const { items } = await operator.call('notifications.list', { query: { limit: limitMax } });
  const found = items.filter(({ id }) => id === given || (given.length >= 8 && id.startsWith(given)));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new CliFailure(
      exitCodes.refused,
      `${found.length === 0 ? 'No' : 'More than one'} notification is ${given}`,
      {
        code: 'notification.not_found',
        help: 'List them: atf notify list --all',
      },
    );
  return only.id;
}

export const acknowledge: Command = async (cli, [given = '']) => {
  const operator = await cli.operator();
  const params = { id: await idOf(operator, given) };
  const item = await operator.call('notifications.acknowledge', { params });
  cli.out.document(item);
  cli.out
    .say`${style('green', '✓')} On record: ${item.acknowledged?.by ?? '?'} has taken note of “${item.summary}”.`;
  return exitCodes.ok;
};

export const listTargets: Command = async (cli) => {
  const { items } = await (await cli.operator()).call('targets.list');
  for (const target of items) cli.out.document(target);
  if (items.length === 0) {
    cli.out.say`Nothing leaves the console: no target is there. Add one: atf notify target add --help`;
    return exitCodes.ok;
  }
  cli.out.table(
    [
      { title: 'NAME' },
      { title: 'CHANNEL' },
      { title: 'TO' },
      { title: 'TOLD OF' },
      { title: 'WAITING' },
      { title: 'GIVEN UP' },
    ],
    items.map((target) => [
      target.name,
      target.channel,
      target.destination,
      `${target.kinds.join(', ') || 'every kind'}${target.severity === 'info' ? '' : `, ${target.severity} and graver`}`,
      String(target.waiting),
      String(target.dead),
    ]),
  );
  return exitCodes.ok;
};

interface AddOptions extends ClearingOptions {
  readonly webhook?: string;
  readonly slack?: string;
  readonly smtp?: string;
  readonly from?: string;
  readonly to?: readonly string[];
  readonly people?: boolean;
  readonly authorities?: string;
  readonly kind?: readonly string[];
  readonly severity?: string;
  readonly agent?: readonly string[];
  readonly person?: readonly string[];
  readonly window?: string;
  readonly attempts?: string;
  readonly privateNetwork?: boolean;
}

const usage = (message: string, help?: string): CliFailure =>
  new CliFailure(exitCodes.usage, message, help === undefined ? {} : { help });

/** Addresses that hold a secret need not stand among the arguments, which other users of the host can read. */
function secretUrl(given: string): string {
  if (given !== '-') return given;
  return process.env[urlVariable] ?? usageOf(`- takes the address from ${urlVariable}`);
}
function usageOf(message: string): never {
  throw usage(message);
}

const protections = { 'smtps:': 'tls', 'smtp:': 'starttls', 'smtp+plain:': 'none' } as const;

async function mailOf(server: string, options: AddOptions): Promise<unknown> {
  const example = 'smtps://user@mail.example.com:465';
  const url = URL.canParse(server) ? new URL(server) : usageOf(`--smtp takes an address like ${example}`);
  const protection = Object.entries(protections).find(([scheme]) => scheme === url.protocol)?.[1];
  if (protection === undefined)
    throw usage(
      '--smtp takes smtps:// (TLS), smtp:// (STARTTLS) or smtp+plain:// (private addresses only)',
      example,
    );
  if (url.password !== '')
    throw usage(`The password does not stand in the address: put it into ${passwordVariable}`);
  const password = process.env[passwordVariable];
  return {
    kind: 'email',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (protection === 'tls' ? 465 : 587) : Number(url.port),
    protection,
    ...(url.username === '' ? {} : { user: decodeURIComponent(url.username) }),
    ...(password === undefined ? {} : { password }),
    ...(options.authorities === undefined
      ? {}
      : { authorities: await readFile(options.authorities, 'utf8') }),
    from: options.from,
    to: options.to ?? [],
    people: options.people === true,
  };
}

async function channelOf(options: AddOptions): Promise<unknown> {
  const given = [options.webhook, options.slack, options.smtp].filter((one) => one !== undefined);
  if (given.length !== 1) throw usage('Exactly one of --webhook, --slack and --smtp says where to');
  if (options.webhook !== undefined) return { kind: 'webhook', url: secretUrl(options.webhook) };
  if (options.slack !== undefined) return { kind: 'slack', url: secretUrl(options.slack) };
  return mailOf(options.smtp ?? '', options);
}

async function targetOf(operator: ControlClient, name: string, options: AddOptions) {
  const people: string[] = [];
  for (const email of options.person ?? []) people.push((await personOf(operator, email)).id);
  const parsed = targetInputSchema.safeParse({
    name,
    channel: await channelOf(options),
    kinds: options.kind ?? [],
    ...(options.severity === undefined ? {} : { severity: options.severity }),
    agents: options.agent ?? [],
    people,
    ...(options.window === undefined ? {} : { windowSeconds: Number(options.window) }),
    ...(options.attempts === undefined ? {} : { attempts: Number(options.attempts) }),
    privateNetwork: options.privateNetwork === true,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(
    `${issue?.path.join('.') ?? 'a value'}: ${issue?.message ?? 'not valid'}`,
    `Kinds: ${noticeKindSchema.options.join(', ')}. Severities: ${severitySchema.options.join(', ')}.`,
  );
}

export const addTarget: Command<AddOptions> = async (cli, [name = ''], options) => {
  const operator = await cli.operator();
  const body = await targetOf(operator, name, options);
  const { target, signingSecret } = await withClearance(cli, operator, 'targets.add', { body }, options);
  cli.out.document({ ...target, ...(signingSecret === undefined ? {} : { signingSecret }) });
  cli.out.say`${style('green', '✓')} ${target.name}: ${target.channel} to ${target.destination}`;
  if (signingSecret !== undefined)
    cli.out
      .say`Receivers verify messages with this secret (Standard Webhooks). It is shown once: ${style('cyan', signingSecret)}`;
  cli.out.say`Try it out: atf notify target test ${target.name}`;
  return exitCodes.ok;
};

async function targetNamed(operator: ControlClient, name: string): Promise<string> {
  const { items } = await operator.call('targets.list');
  const found = items.find((target) => target.name === name || target.id === name);
  if (found !== undefined) return found.id;
  throw new CliFailure(exitCodes.refused, `There is no target ${name}`, {
    code: 'notification.not_found',
    help: 'List them: atf notify target list',
  });
}

export const testTarget: Command<{ readonly wait: string }> = async (cli, [name = ''], options) => {
  const operator = await cli.operator();
  const params = { id: await targetNamed(operator, name) };
  const { id } = await operator.call('targets.test', { params });
  const settled = await untilDecided(cli, options.wait, async () => {
    const delivery = await operator.call('deliveries.show', { params: { id } });
    return delivery.state === 'delivered' || delivery.problem !== undefined ? delivery : undefined;
  });
  cli.out.document(settled);
  if (settled.state === 'delivered') {
    cli.out.say`${style('green', '✓')} It arrived.`;
    return exitCodes.ok;
  }
  throw new CliFailure(exitCodes.refused, `It did not arrive: ${settled.problem ?? settled.state}`, {
    help: 'It is tried again as every message is: atf notify deliveries',
  });
};

export const removeTarget: Command<ClearingOptions> = async (cli, [name = ''], options) => {
  const operator = await cli.operator();
  const params = { id: await targetNamed(operator, name) };
  await withClearance(cli, operator, 'targets.remove', { params }, options);
  cli.out.document({ removed: name });
  cli.out.say`${style('green', '✓')} ${name} is removed, and its address and secrets are forgotten.`;
  return exitCodes.ok;
};

export const listDeliveries: Command<{ readonly dead?: boolean; readonly limit: string }> = async (
  cli,
  _,
  options,
) => {
  const query = {
    limit: listLimit(options.limit),
    ...(options.dead === true ? { state: 'dead' as const } : {}),
  };
  const { items } = await (await cli.operator()).call('deliveries.list', { query });
  for (const item of items) cli.out.document(item);
  if (items.length === 0) {
    cli.out.say`${options.dead === true ? 'No message was given up.' : 'No message was sent anywhere yet.'}`;
    return exitCodes.ok;
  }
  cli.out.table(
    [
      { title: 'ID' },
      { title: 'TO' },
      { title: 'STATE' },
      { title: 'WHAT' },
      { title: 'ATTEMPTS' },
      { title: 'LAST' },
    ],
    items.map((item) => [
      item.id,
      item.person === undefined ? item.target : `${item.target} · ${item.person}`,
      item.state,
      Object.entries(item.counts)
        .map(([kind, count]) => `${count} × ${kind}`)
        .join(', '),
      `${item.attempts} of ${item.attemptsMax}`,
      item.problem ?? '',
    ]),
  );
  return exitCodes.ok;
};

export const retryDelivery: Command = async (cli, [id = '']) => {
  const delivery = await (await cli.operator()).call('deliveries.retry', { params: { id } });
  cli.out.document(delivery);
  cli.out.say`${style('green', '✓')} It is tried again, from the first attempt.`;
  return exitCodes.ok;
};
