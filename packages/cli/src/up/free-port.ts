/**
 * A port for 0: control must know the gateway's address before the gateway listens. Taken from below the ports that systems give to outgoing connections (Linux: from
 * 32768, IANA: from 49152), so that none of those gets it before it is listened on.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const [first, behind] = [20_000, 32_768];
const triesMax = 100;

/** @throws the fault of the last try when none of many is free */
export async function freePort(): Promise<number> {
  for (let tried = 1; ; tried++) {
    const port = randomInt(first, behind);
    const fault = await listenOnce(port);
    if (fault === undefined) return port;
    if (tried >= triesMax) throw fault;
  }
}

function listenOnce(port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}
