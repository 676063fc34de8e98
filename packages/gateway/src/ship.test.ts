/** What the shipper does when control was away. The spool's own tests ship whole histories. */
import { expect, it } from 'vitest';
import { Shipper, type ShipperInput } from './ship.ts';

it('tries again at once when control is back, however long it would have waited', async () => {
  let answers = false;
  let sent = 0;
  let acknowledged: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    acknowledged = resolve;
  });
  const waits: { readonly ms: number; readonly signal: AbortSignal }[] = [];
  const position = { epoch: 1, seq: 1 };
  const input: ShipperInput = {
    spool: {
      readFrom: async (after) =>
        after === undefined ? { frame: new Uint8Array([1]), position, gap: false } : undefined,
      acknowledged: async () => acknowledged(),
      onDurable: () => () => undefined,
      head: () => ({ ...position, head: '' }),
    },
    send: async () => {
      sent++;
      return answers ? { status: 200, body: Buffer.from(JSON.stringify({ position })) } : undefined;
    },
    // Waits for ever, unless it is woken; the first failures pass at once, so that the pause has grown.
    pause: (ms, signal) => {
      waits.push({ ms, signal });
      if (waits.length < 8 || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    onRefused: () => undefined,
  };
  const shipper = new Shipper(input);
  shipper.start();
  await expect.poll(() => waits.length).toBe(8);
  expect(waits.at(-1)?.ms).toBe(10_000);
  expect(sent).toBe(8);
  answers = true;
  shipper.retry();
  await done;
  expect(sent).toBe(9);
  await shipper.close(0);
});
