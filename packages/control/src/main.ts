/**
 * The process of the control plane. It is a child of a supervisor: it gets its options and gives its news over one pipe (the IPC channel of
 * `fork`, else standard input and output as lines of JSON), and it ends when that pipe closes, so that nothing is orphaned.
 * Everything else is in `compose.ts` (the platform) and `rooms.ts` (the domain).
 */
import { type Problem, problemOf, RefusalError } from '@atf/core/errors';
import { realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { composeControl, type RunningControl, type Surroundings } from './compose.ts';
import { type ControlOptionsInput, controlOptionsSchema } from './config.ts';
import { activeGatewayNamed } from './gateways/store.ts';
import { issueGatewayJoinToken } from './gateways/routes.ts';
import { hostOperatorEmail, makeSignInLink } from './people/registry.ts';
import { personByRef } from './people/store.ts';
import { startRooms } from './rooms.ts';

const lineBytesMax = 65_536;
/** Exit codes of the process. */
export const exitCodes = { clean: 0, refused: 2, fault: 1 } as const;
const closeWithinMs = 10_000;

/** Starts the whole control plane. Refuses by throwing a `RefusalError` (see `composeControl`). */
export function startControl(options: ControlOptionsInput, around?: Surroundings): Promise<RunningControl> {
  return composeControl(options, startRooms, around);
}

/** Orders of the supervisor. `options` is the first one; the others are answered under the same `id`. */
export const orderSchema = z.discriminatedUnion('order', [
  z.strictObject({ order: z.literal('start'), options: controlOptionsSchema }),
  z.strictObject({
    order: z.literal('sign-in-link'),
    id: z.int(),
    person: z.string().max(254).default(hostOperatorEmail),
  }),
  z.strictObject({ order: z.literal('gateway-join-token'), id: z.int(), name: z.string().max(64) }),
  z.strictObject({ order: z.literal('stop') }),
]);
export type Order = z.input<typeof orderSchema>;

/** News to the supervisor. Links and tokens pass here and nowhere else. */
export type News =
  | {
      readonly ready: true;
      readonly url: string;
      readonly pid: number;
      /** One-time link for the host operator. */
      readonly signInUrl: string;
      /** Present while the gateway named in `embeddedGateway` is not enrolled. */
      readonly gatewayJoinToken?: string;
    }
  | { readonly ready: false; readonly problem: Problem }
  | { readonly id: number; readonly answer: { readonly url: string } | { readonly joinToken: string } }
  | { readonly id: number; readonly problem: Problem };

interface Pipe {
  tell(news: News): void;
  /** Each order as it came, unchecked; ends when the pipe closes. */
  orders(): AsyncIterable<unknown>;
}

function ipcPipe(): Pipe {
  const waiting: unknown[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  process.on('message', (message) => {
    waiting.push(message);
    wake();
  });
  process.on('disconnect', () => {
    ended = true;
    wake();
  });
  return {
    tell: (news) => {
      if (process.connected) process.send?.(news);
    },
    async *orders() {
      for (;;) {
        while (waiting.length > 0) yield waiting.shift();
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function standardPipe(): Pipe {
  return {
    tell: (news) => void process.stdout.write(`${JSON.stringify(news)}\n`),
    async *orders() {
      for await (const line of createInterface({
        input: process.stdin,
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        if (line.trim() === '') continue;
        if (line.length > lineBytesMax) throw new RangeError('an order of the supervisor is too long');
        yield JSON.parse(line) as unknown;
      }
    },
  };
}

/** A refusal as it is; anything else is a fault of ours, whose place goes to standard error and not over the pipe. */
function problemOfFault(fault: unknown): Problem {
  if (fault instanceof RefusalError) return problemOf(fault.refusal);
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', fault: fault instanceof Error ? fault.stack : typeof fault })}\n`,
  );
  return problemOf({ code: 'internal.fault' });
}

async function signInUrl({ control }: RunningControl, ref: string): Promise<string> {
  const person = await personByRef(control.db, control.config.tenant, ref);
  if (person === undefined) throw new RefusalError({ code: 'people.person_not_found' });
  return (await makeSignInLink(control, person.id)).url;
}

async function readiness(running: RunningControl, embeddedGateway: string | undefined): Promise<News> {
  const { control, url } = running;
  const enrolled =
    embeddedGateway === undefined ||
    (await activeGatewayNamed(control.db, control.config.tenant, embeddedGateway)) !== undefined;
  const token = enrolled ? undefined : (await issueGatewayJoinToken(control, embeddedGateway, '*')).joinToken;
  return {
    ready: true,
    url,
    pid: process.pid,
    signInUrl: await signInUrl(running, hostOperatorEmail),
    ...(token === undefined ? {} : { gatewayJoinToken: token }),
  };
}

type Asked = Extract<z.output<typeof orderSchema>, { id: number }>;

async function answer(running: RunningControl, order: Asked): Promise<News> {
  try {
    if (order.order === 'sign-in-link')
      return { id: order.id, answer: { url: await signInUrl(running, order.person) } };
    const { joinToken } = await issueGatewayJoinToken(running.control, order.name, '*');
    return { id: order.id, answer: { joinToken } };
  } catch (fault) {
    return { id: order.id, problem: problemOfFault(fault) };
  }
}

/** Serves until the supervisor says stop, closes the pipe, or a signal comes. */
async function serve(pipe: Pipe, signal: Promise<void>): Promise<void> {
  const orders = pipe.orders()[Symbol.asyncIterator]();
  const next = async (): Promise<z.output<typeof orderSchema> | undefined> => {
    const order = await Promise.race([
      orders.next(),
      signal.then(() => ({ done: true as const, value: undefined })),
    ]);
    return order.done === true ? undefined : orderSchema.parse(order.value);
  };
  const first = await next();
  if (first === undefined) return;
  if (first.order !== 'start') throw new TypeError('the first order of the supervisor is not `start`');
  const running = await startControl(first.options);
  try {
    pipe.tell(await readiness(running, first.options.embeddedGateway));
    for (let order = await next(); order !== undefined && order.order !== 'stop'; order = await next()) {
      if (order.order === 'start') throw new TypeError('the supervisor said `start` twice');
      pipe.tell(await answer(running, order));
    }
  } finally {
    const late = setTimeout(() => process.exit(exitCodes.fault), closeWithinMs);
    await running.close();
    clearTimeout(late);
  }
}

/** The process entry; resolves with the exit code. */
export async function run(): Promise<number> {
  const signal = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve());
  });
  const pipe = process.send === undefined ? standardPipe() : ipcPipe();
  try {
    await serve(pipe, signal);
    return exitCodes.clean;
  } catch (fault) {
    pipe.tell({ ready: false, problem: problemOfFault(fault) });
    return fault instanceof RefusalError ? exitCodes.refused : exitCodes.fault;
  }
}

/** `import.meta.main` is not there in the oldest Node that is supported. */
function isEntry(): boolean {
  const entry = process.argv[1];
  return entry !== undefined && realpathSync(entry) === fileURLToPath(import.meta.url);
}

if (isEntry()) process.exit(await run());
