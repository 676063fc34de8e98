/**
 * Room: identity (I-2). A gateway enrols once, with a one-time join token and a proof signed by its own key; from then on the key is all
 * it needs. What control answered is kept beside the key.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Refusal, refusal } from '@atf/core/errors';
import { routes } from '@atf/core/wire/api';
import { carriedServersSchema } from '@atf/core/wire/gateway-routes';
import { nameSchema, uuidSchema } from '@atf/core/wire/words';
import { z } from 'zod';
import { type GatewayKey, writePrivateFile } from './gateway-key.ts';
import type { ControlPort } from './ports.ts';

const fileBytesMax = 4_096;
const enrolmentSchema = z.object({
  gatewayId: uuidSchema,
  name: nameSchema,
  tenant: z.string().min(1).max(64),
  /** Tool servers that it carries; gateways that enrolled before this was said carry all. */
  servers: carriedServersSchema.default('*'),
});
export type Enrolment = z.infer<typeof enrolmentSchema>;

const fileOf = (dir: string): string => join(dir, 'gateway.json');

/** What was enrolled earlier, if anything. @throws when the file is there and not readable. */
export function readEnrolment(dir: string): Enrolment | undefined {
  const file = fileOf(dir);
  if (!existsSync(file)) return undefined;
  if (statSync(file).size > fileBytesMax) throw new Error('gateway.json is too large');
  return enrolmentSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** What a client says when nothing was sent (control-client.ts). */
const unreachedCode = 'containment.feed_stale';

export type Enrolled =
  | { readonly ok: true; readonly enrolment: Enrolment }
  /** `reached` false: control cannot have taken the token. */
  | { readonly ok: false; readonly refusal: Refusal; readonly reached: boolean };

/** Exchanges the join token. Control's refusals pass on; `sent` but unanswered means that the token may be spent. */
export async function enrol(input: {
  readonly dir: string;
  /** Address that `control` asks: the proof is for it. */
  readonly controlUrl: string;
  readonly control: ControlPort;
  readonly key: GatewayKey;
  readonly joinToken: string;
  readonly nowMs: number;
}): Promise<Enrolled> {
  const { method, path } = routes['gateways.enrol'];
  const proof = input.key.proof({
    method,
    url: `${input.controlUrl}${path}`,
    gatewayId: undefined,
    nowMs: input.nowMs,
  });
  const answer = await input.control.request('gateways.enrol', {
    body: { joinToken: input.joinToken, publicKey: { ...input.key.publicJwk }, proof },
  });
  if (!answer.ok)
    return {
      ok: false,
      reached: answer.sent || answer.refusal.code !== unreachedCode,
      refusal: answer.sent
        ? refusal('identity.join_token_invalid', 'Control did not answer; the token may be spent.')
        : answer.refusal,
    };
  const enrolment = enrolmentSchema.parse(answer.value);
  writePrivateFile(fileOf(input.dir), `${JSON.stringify(enrolment)}\n`);
  return { ok: true, enrolment };
}
