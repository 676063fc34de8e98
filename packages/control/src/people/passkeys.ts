/**
 * Room: people. Passkeys (WebAuthn level 3): registered once, then asked for every confirmation of presence, with user verification always
 * required. The RP ID is the host name of the console.
 */
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import { isJsonObject, type Json } from '@atf/core/wire/json';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Control, Tx } from '../context.ts';
import {
  insertPasskey,
  type PasskeyRow,
  passkeysOf,
  putChallenge,
  setPasskeyCounter,
  takeChallenge,
} from './factor-store.ts';

const challengeLifeMs = 300_000;
const passkeysPerPersonMax = 20;
const transportsMax = 10;
/** COSE algorithms offered: EdDSA, ES256, RS256. */
const algorithms = [-8, -7, -257];

function relyingParty(control: Control): { rpID: string; origin: string } {
  const url = new URL(control.config.controlUrl);
  return { rpID: url.hostname, origin: url.origin };
}

function credentialsOf(passkeys: readonly PasskeyRow[]): { id: string; transports: string[] }[] {
  return passkeys.map((row) => ({ id: row.credential_id, transports: row.transports }));
}

export async function registrationOptions(
  control: Control,
  person: Person,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { tenant } = control.config;
  const have = await passkeysOf(control.db, tenant, person.id);
  if (have.length >= passkeysPerPersonMax)
    refuse('request.overloaded', `at most ${passkeysPerPersonMax} passkeys`);
  const options = await generateRegistrationOptions({
    rpName: 'ATF',
    rpID: relyingParty(control).rpID,
    userName: person.email,
    userDisplayName: person.name,
    userID: new Uint8Array(Buffer.from(person.id, 'utf8')),
    attestationType: 'none',
    supportedAlgorithmIDs: algorithms,
    excludeCredentials: credentialsOf(have),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
  });
  const expiresAt = control.clock.nowMs() + challengeLifeMs;
  await control.change((tx) =>
    putChallenge(tx, { tenant, person_id: person.id, challenge: options.challenge, expires_at: expiresAt }),
  );
  return options;
}

/** The library checks the inside; what comes from outside must at least be an object with an id. */
function isResponse(response: unknown): response is { id: string } {
  return isJsonObject(response) && typeof (response as Record<string, Json>).id === 'string';
}

/** Registers the passkey of a response to {@link registrationOptions}. Refuses `people.presence_invalid`. */
export async function addPasskey(control: Control, tx: Tx, person: Person, response: unknown): Promise<void> {
  const { tenant } = control.config;
  const challenge = await takeChallenge(tx, tenant, person.id, control.clock.nowMs());
  if (challenge === undefined || !isResponse(response)) return refuse('people.presence_invalid');
  const { rpID, origin } = relyingParty(control);
  const verified = await verifyRegistrationResponse({
    response: response as unknown as RegistrationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  }).catch(() => undefined);
  if (verified?.verified !== true) return refuse('people.presence_invalid');
  const { credential } = verified.registrationInfo;
  const added = await insertPasskey(tx, {
    tenant,
    credential_id: credential.id,
    person_id: person.id,
    public_key: credential.publicKey,
    counter: credential.counter,
    transports: (credential.transports ?? []).slice(0, transportsMax).map(String),
    created_at: control.clock.nowMs(),
  });
  if (!added) refuse('people.presence_invalid', 'this passkey is registered already');
}

export async function presenceOptions(
  control: Control,
  passkeys: readonly PasskeyRow[],
  challenge: string,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  return generateAuthenticationOptions({
    rpID: relyingParty(control).rpID,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    allowCredentials: credentialsOf(passkeys),
    userVerification: 'required',
  });
}

/** Whether `response` proves possession of one of the person's passkeys for `challenge`. */
export async function passkeyMatches(
  control: Control,
  tx: Tx,
  personId: string,
  challenge: string,
  response: unknown,
): Promise<boolean> {
  const { tenant } = control.config;
  if (!isResponse(response)) return false;
  const passkey = (await passkeysOf(tx, tenant, personId)).find((row) => row.credential_id === response.id);
  if (passkey === undefined) return false;
  const { rpID, origin } = relyingParty(control);
  const verified = await verifyAuthenticationResponse({
    response: response as unknown as AuthenticationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
    credential: {
      id: passkey.credential_id,
      publicKey: new Uint8Array(passkey.public_key),
      counter: passkey.counter,
    },
    requireUserVerification: true,
  }).catch(() => undefined);
  if (verified?.verified !== true) return false;
  await setPasskeyCounter(tx, tenant, passkey.credential_id, verified.authenticationInfo.newCounter);
  return true;
}
