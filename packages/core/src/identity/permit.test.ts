import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { signEs256 } from '../es256.ts';
import type { PermitClaims } from '../wire/token.ts';
import { signingInput } from './compact-jws.ts';
import { signPermit, verifyPermit } from './permit.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = { kid: 'gateway-1', sign: (message: Uint8Array) => signEs256(message, privateKey) };
const keys = new Map([['gateway-1', publicKey]]);
const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const nowMs = 1_800_000_000_000;
const claims: PermitClaims = {
  iss: id(1),
  sub: `spiffe://example/agent/${id(2)}/inst/${id(3)}`,
  aud: 'orders/cancel_order',
  iat: nowMs / 1000,
  exp: nowMs / 1000 + 30,
  jti: id(4),
  agent: id(2),
  inst: id(3),
  sid: id(5),
  args: 'A'.repeat(43),
};

it('verifies what a known gateway signed', () => {
  expect(verifyPermit(signPermit(claims, signer), keys, { nowMs, starting: true })).toEqual({
    ok: true,
    claims,
  });
});

it('expires for what starts, and stays good for the report of what was started in time', () => {
  const permit = signPermit(claims, signer);
  const later = nowMs + 31_000;
  expect(verifyPermit(permit, keys, { nowMs: later, starting: true }).ok).toBe(false);
  expect(verifyPermit(permit, keys, { nowMs: later, starting: false }).ok).toBe(true);
});

it.each([
  ['another key', signPermit(claims, { ...signer, kid: 'gateway-2' })],
  ['a changed claim', signPermit(claims, signer).replace(/\.[^.]+\./, (part) => `${part.slice(0, -3)}AA.`)],
  ['the future', signPermit({ ...claims, iat: claims.iat + 60 }, signer)],
  ['missing claims', signPermit({ ...claims, args: undefined } as unknown as PermitClaims, signer)],
  [
    'another type',
    (() => {
      const input = signingInput({ alg: 'ES256', typ: 'at+jwt', kid: 'gateway-1' }, { ...claims });
      return `${input}.${Buffer.from(signer.sign(Buffer.from(input))).toString('base64url')}`;
    })(),
  ],
  ['no token at all', 'permit'],
])('refuses %s', (_, permit) => {
  expect(verifyPermit(permit, keys, { nowMs, starting: true })).toMatchObject({
    ok: false,
    refusal: { code: 'execution.permit_invalid' },
  });
});
