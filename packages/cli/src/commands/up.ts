/**
 * `atf up` (what `npm start` runs): both planes on this machine, with addresses, a one-time sign-in link and commands to try. Not here:
 * how planes are kept running (up/supervisor.ts), and anything that the planes do.
 */
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command, CommonOptions } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import {
  configDirOf,
  controlPortDefault,
  dataDirName,
  gatewayPortDefault,
  readRunning,
  type Running,
} from '../place.ts';
import { notePolicyFolder } from '../policy-folder-note.ts';
import { freePort } from '../up/free-port.ts';
import { gatewayKeyFor } from '../up/gateway-key.ts';
import { PlaneFailed, type PlaneSpec, type ReadyMessage } from '../up/plane.ts';
import { removeRunning, storeRunning, updateRunning } from '../up/running.ts';
import { Supervisor, type SupervisorEvent } from '../up/supervisor.ts';
import { gatewayTlsArguments, type TlsFiles, tlsFilesOf, type TlsOptions } from '../up/tls-files.ts';
import { duration } from '../words.ts';

interface UpOptions extends CommonOptions, TlsOptions {
  readonly controlPort?: string;
  readonly gatewayPort?: string;
  readonly keyFile?: string;
  readonly policies?: string;
  readonly witnessPolicy?: string;
  readonly empty?: boolean;
}

interface Plan {
  readonly dataDir: string;
  readonly controlPort: number;
  readonly gatewayPort: number;
  readonly gatewayUrl: string;
  readonly keyFile: string | undefined;
  /** PostgreSQL instead of the embedded database. It may hold a password: it goes to control over the pipe, and into no environment, log or message. */
  readonly databaseUrl: string | undefined;
  readonly policyDir: string | undefined;
  readonly witnessPolicy: string | undefined;
  /** Absent: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  readonly example: boolean;
}

const embeddedGateway = 'local';
/** Tool servers are started and asked what they offer; the product is called up when they have answered. */
const discoveryWithinMs = 20_000;
const discoveryPollMs = 100;

export const up: Command<UpOptions> = async (cli, _, options) => {
  const startMs = performance.now();
  const plan = await planOf(cli, options);
  await refuseSecond(plan);
  const where = plan.databaseUrl === undefined ? '' : ` on PostgreSQL at ${new URL(plan.databaseUrl).host}`;
  if (!cli.out.json) cli.out.note`Starting ATF in ${plan.dataDir}${where} …`;
  const supervisor = supervise(cli, plan);
  const signals = new Signals(supervisor);
  try {
    const ready = await started(supervisor, signals);
    if (ready === undefined) return exitCodes.interrupted;
    noteRunning(plan, ready.control.url, supervisor);
    const operator = await operatorOf(plan, ready.control.url);
    await serversAnswered(operator);
    await tellUp(cli, plan, { ready, operator, supervisor, tookMs: performance.now() - startMs });
    return await ended(cli, supervisor, signals);
  } catch (error) {
    // Nobody would be left to end the planes.
    await supervisor.stop();
    throw error;
  } finally {
    removeRunning(plan.dataDir);
    signals.dispose();
  }
};

async function planOf(cli: Cli, options: UpOptions): Promise<Plan> {
  const controlPort = portOf('--control-port', options.controlPort, controlPortDefault);
  const wanted = portOf('--gateway-port', options.gatewayPort, gatewayPortDefault);
  const gatewayPort = wanted === 0 ? await freePort() : wanted;
  // A start without --data belongs to the folder it is typed in, and never to one above it.
  const named = options.data ?? cli.env.ATF_DATA_DIR;
  const dataDir = resolve(cli.cwd, named === undefined || named === '' ? dataDirName : named);
  const keyFile = options.keyFile === undefined ? undefined : resolve(cli.cwd, options.keyFile);
  const witnessPolicy = options.witnessPolicy ?? cli.env.ATF_WITNESS_POLICY;
  const tls = tlsFilesOf(cli, options);
  return {
    dataDir,
    controlPort,
    gatewayPort,
    gatewayUrl: `${tls === undefined ? 'http' : 'https'}://localhost:${gatewayPort}`,
    tls,
    keyFile,
    databaseUrl: databaseUrlOf(cli.env.DATABASE_URL),
    policyDir: options.policies === undefined ? undefined : resolve(cli.cwd, options.policies),
    witnessPolicy:
      witnessPolicy === undefined || witnessPolicy === '' ? undefined : resolve(cli.cwd, witnessPolicy),
    example: options.empty !== true,
  };
}

function databaseUrlOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text) || text.length > 2_000)
    throw new CliFailure(
      exitCodes.usage,
      'DATABASE_URL takes postgresql://user:password@host:port/database',
      {
        help: 'Unset it to run on the embedded database.',
      },
    );
  return text;
}

function portOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new CliFailure(exitCodes.usage, `${option} takes a port, 0 to 65535 (0: any free one)`);
  return port;
}

/** The directory's own lock decides; this only says it in better words, and before a port is said to be taken. */
async function refuseSecond({ dataDir }: Plan): Promise<void> {
  const running = readRunning(dataDir);
  if (running === undefined) return;
  const { ControlClient } = await import('@atf/sdk/client');
  const { rawPaths } = await import('@atf/core/wire/api');
  const answers = await new ControlClient({ baseUrl: running.controlUrl, timeoutMs: 2_000 })
    .get(rawPaths.health)
    .then(
      ({ status }) => status < 500,
      () => false,
    );
  if (!answers || !isAlive(running.pid)) return;
  throw new CliFailure(
    exitCodes.cannotStart,
    `ATF runs in ${dataDir} already (process ${running.pid}), at ${running.controlUrl}`,
    {
      code: 'storage.locked',
      help: 'Use that one, stop it, or choose another directory with --data and other ports with --control-port and --gateway-port.',
    },
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function supervise(cli: Cli, plan: Plan): Supervisor {
  const { dataDir } = plan;
  const { DATABASE_URL: _, ...env } = cli.env;
  let controlPort = plan.controlPort;
  const control = (): PlaneSpec => ({
    name: 'control',
    module: moduleOf('@atf/control/main'),
    argv: [],
    env,
    logFile: join(dataDir, 'logs', 'control.log'),
    firstMessage: {
      order: 'start',
      options: {
        dataDir,
        port: controlPort,
        gatewayUrl: plan.gatewayUrl,
        example: plan.example,
        embeddedGateway,
        ...(plan.keyFile === undefined ? {} : { keyFile: plan.keyFile }),
        ...(plan.databaseUrl === undefined ? {} : { databaseUrl: plan.databaseUrl }),
        ...(plan.policyDir === undefined ? {} : { policyDir: plan.policyDir }),
        ...(plan.witnessPolicy === undefined ? {} : { witnessPolicy: plan.witnessPolicy }),
        ...(plan.tls === undefined ? {} : { tlsCert: plan.tls.cert, tlsKey: plan.tls.key }),
      },
    },
    onMessage: () => undefined,
  });
  const gateway = (ready: ReadyMessage): PlaneSpec => {
    const { url } = ready;
    let handed = ready.gatewayJoinToken;
    // Port 0 was any free one; from now on it is this one, also when control has to be started again.
    controlPort = Number(new URL(url).port);
    const key = gatewayKeyFor({
      env,
      keyFile: plan.keyFile,
      dataDir,
      configDir: configDirOf(cli.env),
    });
    const addresses = ['--control', url, '--port', String(plan.gatewayPort), '--public-url', plan.gatewayUrl];
    return {
      name: 'gateway',
      module: moduleOf('@atf/gateway/main'),
      argv: ['--dir', join(dataDir, 'gateway'), ...addresses, ...key.argv, ...gatewayTlsArguments(plan.tls)],
      env: key.env,
      logFile: join(dataDir, 'logs', 'gateway.log'),
      onMessage: async (message) => {
        if (!wantsJoinToken(message)) return undefined;
        const first = handed;
        // It counts once; a gateway that asks again needs another.
        handed = undefined;
        return { joinToken: first ?? (await joinToken(plan, url)) };
      },
    };
  };
  return new Supervisor({ control, gateway, onEvent: (event, pids) => tellEvent(cli, plan, event, pids) });
}

const moduleOf = (specifier: string): string => fileURLToPath(import.meta.resolve(specifier));

const wantsJoinToken = (message: unknown): boolean =>
  typeof message === 'object' &&
  message !== null &&
  'joinTokenWanted' in message &&
  message.joinTokenWanted === true;

async function joinToken(plan: Plan, controlUrl: string): Promise<string> {
  const operator = await operatorOf(plan, controlUrl);
  return (
    await operator.call('gateways.joinToken', {
      body: { name: embeddedGateway, servers: '*' },
    })
  ).joinToken;
}

async function operatorOf({ dataDir }: Plan, controlUrl: string): Promise<ControlClient> {
  const [{ ControlClient }, { operatorToken }] = await Promise.all([
    import('@atf/sdk/client'),
    import('../place.ts'),
  ]);
  const token = operatorToken(dataDir, controlUrl);
  return new ControlClient({ baseUrl: controlUrl, headers: () => ({ authorization: `Bearer ${token}` }) });
}

/** Signals of the terminal, of the system, and the end of whoever started us. The second one does not wait any more. */
class Signals {
  readonly fired: Promise<void>;
  private readonly onSignal: () => void;
  private count = 0;

  constructor(supervisor: Supervisor) {
    let fire: () => void = () => undefined;
    this.fired = new Promise((resolve) => {
      fire = resolve;
    });
    this.onSignal = () => {
      this.count += 1;
      if (this.count > 1) supervisor.killAll();
      fire();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.onSignal);
    if (process.send !== undefined) process.on('disconnect', this.onSignal);
  }

  dispose(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.onSignal);
    process.off('disconnect', this.onSignal);
  }
}

/** Undefined when a signal came first; everything is stopped then. @throws CliFailure with the option that helps */
async function started(supervisor: Supervisor, signals: Signals) {
  const starting = supervisor.start();
  starting.catch(() => undefined);
  try {
    const first = await Promise.race([starting, signals.fired]);
    if (first !== undefined) return first;
    await supervisor.stop();
    return undefined;
  } catch (error) {
    if (!(error instanceof PlaneFailed)) throw error;
    throw new CliFailure(
      exitCodes.cannotStart,
      `ATF cannot start: ${error.message}`,
      error.code === undefined ? {} : { code: error.code },
    );
  }
}

/** Every tool server of the workspace was asked what it offers, or could not be: until then agents would hear of unknown tools. */
async function serversAnswered(operator: ControlClient): Promise<void> {
  const untilMs = performance.now() + discoveryWithinMs;
  for (;;) {
    const { items } = await operator.call('servers.list');
    if (items.every(({ discoveredAt, fault }) => discoveredAt !== undefined || fault !== undefined)) return;
    if (performance.now() > untilMs) return;
    await pause(discoveryPollMs);
  }
}

interface Up {
  readonly ready: { readonly control: ReadyMessage; readonly gateway: ReadyMessage };
  readonly operator: ControlClient;
  readonly supervisor: Supervisor;
  readonly tookMs: number;
}

async function tellUp(cli: Cli, plan: Plan, { ready, operator, supervisor, tookMs }: Up): Promise<void> {
  const { out } = cli;
  const [{ person }, { example }, policy] = await Promise.all([
    operator.call('people.me'),
    operator.call('overview'),
    operator.call('policy.show'),
  ]);
  const { url: controlUrl, signInUrl } = ready.control;
  const pids = { control: supervisor.pid('control'), gateway: supervisor.pid('gateway') };
  const { gatewayUrl, dataDir } = plan;
  out.document({
    ready: true,
    controlUrl,
    gatewayUrl,
    dataDir,
    example,
    pids,
    signInUrl,
    tookMs: Math.round(tookMs),
    policy: { version: policy.version, folderDiffers: policy.folder.differs },
  });
  const elsewhere = dataDir === join(cli.cwd, dataDirName) ? '' : ` --data ${dataDir}`;
  out.say`${style('green', '✓')} ATF is up (${duration(tookMs)}).${example ? ' This is the example workspace.' : ''}`;
  out.say``;
  out.say`  Console and API   ${style('bold', controlUrl)}`;
  out.say`  Gateway           ${style('bold', gatewayUrl)}`;
  out.say`  Data              ${dataDir}`;
  out.say``;
  out.say`  Sign in as ${person.name} (this link counts once; another: npx atf sign-in):`;
  out.say`  ${style('cyan', signInUrl ?? 'npx atf sign-in')}`;
  out.say``;
  out.say`  To try, in another terminal:`;
  for (const command of example ? exampleCommands : emptyCommands)
    out.say`    ${command}${command.startsWith('npm run') && elsewhere !== '' ? ' --' : ''}${elsewhere}`;
  out.say``;
  out.say`  Ctrl-C stops it.`;
  notePolicyFolder(out, policy);
}

const exampleCommands = ['npm run demo', 'npx atf agent list', 'npx atf activity --follow'];
const emptyCommands = [
  'npx atf people add you@example.com --name You --role operator',
  'npx atf agent register my-agent.yaml',
  'npx atf status',
];

function tellEvent(cli: Cli, plan: Plan, event: SupervisorEvent, pids: Running['planes']): void {
  cli.out.document(event);
  switch (event.event) {
    case 'died':
      cli.out
        .note`${style('red', '✗')} ${event.plane} ended unexpectedly and is started again. ${event.words}`;
      cli.out.note`  Its log: ${join(plan.dataDir, 'logs', `${event.plane}.log`)}`;
      break;
    case 'restarted':
      cli.out.note`${style('green', '✓')} ${event.plane} is up again after ${duration(event.tookMs)}.`;
      updateRunning(plan.dataDir, pids);
      break;
    case 'given_up':
      cli.out
        .note`${style('red', '✗')} ${event.plane} does not come up again, so everything stops. ${event.words}`;
      break;
  }
}

async function ended(cli: Cli, supervisor: Supervisor, signals: Signals): Promise<ExitCode> {
  const why = await Promise.race([supervisor.ended, signals.fired.then(() => 'signal' as const)]);
  if (why === 'signal') cli.out.note`Stopping …`;
  const forced = await supervisor.stop();
  cli.out.document({ stopped: true, forced });
  if (why === 'given_up') return exitCodes.cannotStart;
  cli.out
    .note`${forced ? 'Stopped, by force: something did not end in time. Nothing that was acknowledged is lost.' : 'Stopped.'}`;
  return forced ? exitCodes.refused : exitCodes.ok;
}

function noteRunning(plan: Plan, controlUrl: string, supervisor: Supervisor): void {
  const planes = { control: supervisor.pid('control'), gateway: supervisor.pid('gateway') };
  const startedAt = new Date().toISOString();
  storeRunning(plan.dataDir, {
    pid: process.pid,
    controlUrl,
    gatewayUrl: plan.gatewayUrl,
    startedAt,
    planes,
  });
}
