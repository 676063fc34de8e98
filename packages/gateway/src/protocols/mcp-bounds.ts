/** How much of a tool server the gateway takes: bytes, depth, counts and times (data D-4, segmentation S-3). */
import { isJsonObject, type Json } from '@atf/core/wire/json';

export type UpstreamBounds = {
  readonly resultBytesMax: number;
  readonly resultDepthMax: number;
  readonly resultValuesMax: number;
  readonly toolsMax: number;
  readonly toolPagesMax: number;
  readonly callsMax: number;
  readonly connectMs: number;
  /** Time for `server/discover`; a stdio server that stays silent is then asked to `initialize`. */
  readonly probeMs: number;
  readonly httpRequestMs: number;
  /** Pause before a server that keeps failing is started again; doubles from the first to the last. */
  readonly backoffFirstMs: number;
  readonly backoffLastMs: number;
};

export const upstreamBoundsDefault: UpstreamBounds = {
  resultBytesMax: 4 * 1_048_576,
  resultDepthMax: 64,
  resultValuesMax: 200_000,
  toolsMax: 1_000,
  toolPagesMax: 50,
  callsMax: 512,
  connectMs: 20_000,
  probeMs: 5_000,
  httpRequestMs: 300_000,
  backoffFirstMs: 250,
  backoffLastMs: 15_000,
};

/** Whether a value stays within a depth and a number of values. Without recursion: a stack is what deep nesting wants to exhaust. */
export function fits(value: Json, depthMax: number, valuesMax: number): boolean {
  let values = 0;
  let layer: Json[] = [value];
  for (let depth = 0; layer.length > 0; depth++) {
    values += layer.length;
    if (depth > depthMax || values > valuesMax) return false;
    layer = layer.flatMap((each) =>
      Array.isArray(each) ? each : isJsonObject(each) ? Object.values(each) : [],
    );
  }
  return true;
}
