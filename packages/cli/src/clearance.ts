/**
 * Requests that a person who answers for security has to clear: the operator's token alone does not count for them once real people have
 * factors. The person is handed to the browser with exactly this request, and this waits, then asks again.
 */
import { type ClearedOperation, clearanceHeader, type ResponseOf } from '@atf/core/wire/api';
import type { CallInput, CallOptions, ControlClient } from '@atf/sdk/client';
import { ControlRefusal } from '@atf/sdk/control-refusal';
import type { Cli } from './cli.ts';
import { CliFailure, exitCodes } from './exit-codes.ts';
import { openInBrowser } from './open-browser.ts';
import { style } from './output.ts';
import { untilDecided } from './wait.ts';

export interface ClearingOptions {
  readonly open: boolean;
  readonly wait: string;
}

/** @throws CliFailure when nobody clears it in time; ControlRefusal for every other refusal */
export async function withClearance<K extends ClearedOperation>(
  cli: Cli,
  operator: ControlClient,
  operation: K,
  input: CallInput<K>,
  options: ClearingOptions,
): Promise<ResponseOf<K>> {
  // The argument list is conditional on K; TypeScript does not resolve it for an open K.
  const ask = operator.call.bind(operator) as (
    op: K,
    given: CallInput<K>,
    more?: CallOptions,
  ) => Promise<ResponseOf<K>>;
  try {
    return await ask(operation, input);
  } catch (error) {
    if (!(error instanceof ControlRefusal) || error.code !== 'people.clearance_required') throw error;
  }
  const { params = {}, body } = input as { params?: Record<string, string>; body?: unknown };
  const { id, says } = await operator.call('clearances.ask', {
    body: { operation, params, ...(body === undefined ? {} : { body }) },
  });
  const address = `${cli.controlUrl}/clearances/${id}`;
  cli.out.note`${says}`;
  cli.out
    .note`A person who answers for security clears it in the console, with passkey or passphrase: ${style('cyan', address)}`;
  if (options.open && process.stdout.isTTY === true) openInBrowser(address);
  cli.out.note`Waiting for the clearance (Ctrl-C leaves it waiting) …`;
  const state = await untilDecided(cli, options.wait, async () => {
    const now = await operator.call('clearances.show', { params: { id } });
    return now.state === 'waiting' ? undefined : now.state;
  });
  if (state !== 'granted')
    throw new CliFailure(exitCodes.undecided, `The request is ${state}`, {
      code: 'people.clearance_invalid',
      help: 'Ask again.',
    });
  return ask(operation, input, { headers: { [clearanceHeader]: id } });
}
