/**
 * Room: maturity (approvals by input, MCP 2026-07-28). The `requestState` of a call that waits for a person: which approval, for which agent and which request, under a
 * seal that every gateway of the tenant can check, so that the request may come again anywhere and after a restart. It gives no right: who redeems, and what,
 * is checked as ever.
 */
import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { isJsonObject, parseStrictText } from '@atf/core/wire/json';
import { digestSchema, uuidSchema } from '@atf/core/wire/words';
import { z } from 'zod';
import type { WrappingKey } from './ports.ts';

const stateSchema = z.strictObject({
  approval: uuidSchema,
  agent: uuidSchema,
  /** Of the request that waits. */
  request: digestSchema,
});
export type RequestState = z.infer<typeof stateSchema>;

const prefix = 'approval';
const lengthMax = 1_024;

export class RequestStates {
  readonly #wrapping: () => WrappingKey | undefined;
  #derived: { readonly from: KeyObject; readonly key: Buffer } | undefined;

  constructor(wrapping: () => WrappingKey | undefined) {
    this.#wrapping = wrapping;
  }

  /** Undefined while control has given no key. */
  seal(state: RequestState): string | undefined {
    const body = Buffer.from(JSON.stringify(state)).toString('base64url');
    const mac = this.#mac(body);
    return mac === undefined ? undefined : `${prefix}.${body}.${mac.toString('base64url')}`;
  }

  /** What was sealed; undefined: it was not, or under a key that is gone. */
  open(text: string): RequestState | undefined {
    const [kind, body = '', mac = '', ...more] = text.length > lengthMax ? [] : text.split('.');
    const wanted = kind === prefix && more.length === 0 ? this.#mac(body) : undefined;
    const given = Buffer.from(mac, 'base64url');
    if (wanted === undefined || given.length !== wanted.length || !timingSafeEqual(given, wanted))
      return undefined;
    const parsed = parseStrictText(Buffer.from(body, 'base64url').toString());
    const state = stateSchema.safeParse(parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined);
    return state.success ? state.data : undefined;
  }

  #mac(body: string): Buffer | undefined {
    const from = this.#wrapping()?.key;
    if (from === undefined) return undefined;
    if (this.#derived?.from !== from) {
      const key = Buffer.from(hkdfSync('sha256', from, new Uint8Array(), 'atf request state', 32));
      this.#derived = { from, key };
    }
    return createHmac('sha256', this.#derived.key).update(body).digest();
  }
}
