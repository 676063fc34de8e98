/**
 * The gateway as a process. It ends when it is told to (SIGTERM, SIGINT), and when the channel of the process that started it closes:
 * a gateway without its supervisor serves nobody.
 */
import { RefusalError, problemOf } from '@atf/core/errors';
import { pino } from 'pino';
import { readConfig, usage } from './config.ts';
import { startGateway } from './gateway.ts';

const readyWithinMs = 10_000;
const joinTokenWithinMs = 60_000;
const lastWordMs = 7_500;
const joinTokenLengthMax = 200;

/** Waits for `{ joinToken }` over the supervisor's channel. */
function joinTokenFromChannel(): Promise<string | undefined> {
  if (process.send === undefined) return Promise.resolve(undefined);
  process.send({ joinTokenWanted: true });
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), joinTokenWithinMs);
    process.on('message', (message) => {
      const token = (message as { joinToken?: unknown } | null)?.joinToken;
      if (typeof token !== 'string' || token.length > joinTokenLengthMax) return;
      clearTimeout(timer);
      resolve(token);
    });
  });
}

function tellAndExit(error: unknown): never {
  const said = error instanceof RefusalError ? problemOf(error.refusal) : undefined;
  process.stderr.write(
    said === undefined
      ? `${error instanceof Error ? error.message : 'unknown fault'}\n`
      : `${said.title} (${said.code}). ${said.detail ?? ''} ${said.help}\n`,
  );
  if (said?.code === 'request.malformed') process.stderr.write(usage);
  process.exit(said?.code === 'request.malformed' ? 2 : 1);
}

/** Resolves when the gateway is to end: a signal, or the channel of its supervisor closed. */
function toldToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(event, () => resolve());
    if (process.send !== undefined || process.env['ATF_SUPERVISED'] !== 'stdin') return;
    process.stdin.resume();
    process.stdin.on('close', () => resolve());
  });
}

async function serve(args: readonly string[]): Promise<never> {
  const end = toldToEnd();
  const log = pino({ name: 'gateway', level: process.env['ATF_LOG'] ?? 'info' }, pino.destination(2));
  if (args.includes('--help')) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const config = readConfig(args, process.env);
  const starting = startGateway({ ...config, log, askJoinToken: joinTokenFromChannel });
  const gateway = await Promise.race([starting, end]);
  // Told to end before it stood: nothing serves yet, and what is written is written durably or not at all.
  if (gateway === undefined) process.exit(0);
  const serving = await Promise.race([gateway.ready(readyWithinMs), end.then(() => false)]);
  log.info({ url: gateway.url, serving }, 'gateway');
  const news = { ready: true, url: gateway.url, serving };
  if (process.connected) process.send?.(news);
  else process.stdout.write(`${JSON.stringify({ ...news, pid: process.pid })}\n`);
  await end;
  setTimeout(() => process.exit(1), lastWordMs).unref();
  await gateway.close();
  process.exit(0);
}

/** Serves until the process is told to end; ends the process. */
export function serveGateway(args: readonly string[]): Promise<never> {
  return serve(args).catch(tellAndExit);
}
