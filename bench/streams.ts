/** Server-sent events of an HTTP service through the gateway beside the same straight: how late events are that bear the time at which they were sent. */
import { withAgent } from './governed-call.ts';
import { ms, number, type Part } from './part.ts';
import { lineOf } from './processes.ts';
import type { StreamPlan, StreamResult } from './stream-load.ts';

/** @throws Error when not one event came: then there is nothing to compare */
async function stream(plan: StreamPlan): Promise<StreamResult> {
  const result = JSON.parse(await lineOf('stream-load.ts', plan)) as StreamResult;
  if (result.events === 0)
    throw new Error(`no event came: ${result.firstFailure ?? 'the streams stayed empty'}`);
  return result;
}

export const streamsPart: Part = {
  name: 'streams',
  says: 'server-sent events through the gateway beside the same straight',
  measure: ({ quick }) =>
    withAgent(async ({ url, target }) => {
      await target({ path: 'order' });
      const plan = quick ? { streams: 2, seconds: 2 } : { streams: 20, seconds: 10 };
      const { token, key, url: governedUrl } = await target({ path: 'order' });
      const own = { url: governedUrl.replace(/order$/, 'events'), token: token ?? '', key };
      const governed = await stream({ ...own, ...plan });
      const straight = await stream({ url: `${url}/events`, ...plan });
      const told = ({ streams, perSecond, p50Ms, p99Ms, firstFailure }: StreamResult) =>
        `${streams} streams, ${number(perSecond)} events/s, late p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}${firstFailure === undefined ? '' : `; ${firstFailure}`}`;
      return {
        raw: { governed, straight },
        rows: [
          {
            what: 'server-sent events, governed',
            reached: told(governed),
            wanted: 'all streams open',
            ok: governed.streams === plan.streams,
          },
          { what: 'server-sent events, straight', reached: told(straight) },
          { what: 'server-sent events, added, p50', reached: ms(governed.p50Ms - straight.p50Ms) },
        ],
      };
    }),
};
