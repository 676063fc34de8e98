/** Room: policy. What a backtest needs beside the log: manifests by their digests, and sealed arguments, opened in this process only. */
import { openPayload } from '@atf/core/audit/payload';
import { setImmediate } from 'node:timers/promises';
import { payloadsByIds } from '../../audit/payloads.ts';
import type { Control } from '../../context.ts';
import { manifestsByDigests } from '../../identity/store.ts';
import { definitionsByDigests } from '../../segmentation/store.ts';
import type { Facts, PayloadWanted, Wanted } from './messages.ts';

/** Payloads that are opened in one go: about a millisecond. */
const openedAtOnce = 64;

async function textsOf(control: Control, wanted: readonly PayloadWanted[]): Promise<Facts['payloads']> {
  const stored = await payloadsByIds(
    control.db,
    control.config.tenant,
    wanted.map(({ id }) => id),
  );
  const texts: [string, string | null][] = [];
  for (const [at, { id, commitment }] of wanted.entries()) {
    if (at % openedAtOnce === openedAtOnce - 1) await setImmediate();
    const sealed = stored.get(id);
    const text =
      sealed?.commitment === commitment
        ? openPayload(sealed, control.keys.secret('payload', sealed.kid).key)?.toString()
        : undefined;
    texts.push([id, text ?? null]);
  }
  return texts;
}

export async function factsFor(
  control: Control,
  { manifests, definitions, payloads }: Wanted,
): Promise<Facts> {
  const known = await manifestsByDigests(control.db, control.config.tenant, manifests);
  return {
    // Whole: what of it decides is not said twice.
    manifests: manifests.map((digest) => [digest, known.get(digest) ?? null] as const),
    definitions: await definitionsByDigests(control.db, control.config.tenant, definitions),
    payloads: payloads.length === 0 ? [] : await textsOf(control, payloads),
  };
}
