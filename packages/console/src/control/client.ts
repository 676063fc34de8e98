/**
 * The console's one way to ask control: the SDK's client on the page's own origin, with the session cookie and, on every request,
 * the page's token. The token lives in memory only; a reload gets it again from `people.me`.
 */
import { clearanceHeader, csrfHeader, type Me, type OperationId, type ResponseOf } from '@atf/core/wire/api';
import { type CallInput, ControlClient } from '@atf/sdk/client';

let csrf: string | undefined;

/** Keeps the page's token from whichever answer brought it. */
export function keepCsrf(me: Me): Me {
  csrf = me.csrf;
  return me;
}

export function forgetCsrf(): void {
  csrf = undefined;
}

/** A stop answers after the last gateway's confirmation, or its bound. */
const stopTimeoutMs = 30_000;

const client = new ControlClient({
  baseUrl: location.origin,
  headers: () => (csrf === undefined ? {} : { [csrfHeader]: csrf }),
});

/** Asks one operation. @throws what the SDK's client throws; see fault.ts for the words. */
export function call<K extends OperationId>(
  operation: K,
  input: CallInput<K>,
  signal?: AbortSignal,
  /** Granted clearance of exactly this request. */
  clearance?: string,
): Promise<ResponseOf<K>> {
  const options = {
    ...(clearance === undefined ? {} : { headers: { [clearanceHeader]: clearance } }),
    ...(signal === undefined ? {} : { signal }),
    ...(operation === 'containment.stop' ? { timeoutMs: stopTimeoutMs } : {}),
  };
  // The argument list is conditional on K; TypeScript does not resolve it for an open K.
  const ask = client.call.bind(client) as (
    op: K,
    input: CallInput<K>,
    options: object,
  ) => Promise<ResponseOf<K>>;
  return ask(operation, input, options);
}
