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
const lastWordMs = 15_000;
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
      : `${said.title}. ${said.detail ?? ''} ${said.help}\n`,
  );
  if (said?.code === 'request.malformed') process.stderr.write(usage);
  process.exit(said?.code === 'request.malformed' ? 2 : 1);
}

async function main(): Promise<void> {
  const log = pino({ name: 'gateway', level: process.env['ATF_LOG'] ?? 'info' }, pino.destination(2));
  const gateway = await startGateway({
    ...readConfig(process.argv.slice(2), process.env),
    log,
    askJoinToken: joinTokenFromChannel,
  });
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), lastWordMs).unref();
    gateway.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('disconnect', end);
  if (process.send === undefined && process.env['ATF_SUPERVISED'] === 'stdin') {
    process.stdin.resume();
    process.stdin.on('close', end);
  }
  const ready = await gateway.ready(readyWithinMs);
  log.info({ url: gateway.url, ready }, 'gateway');
  process.send?.({ ready: true, url: gateway.url, serving: ready });
}

main().catch(tellAndExit);
