/** A passkey authenticator in software, for tests: enough of WebAuthn (level 3, §6) and CBOR (RFC 8949) for ES256 and attestation `none`. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const userPresent = 0x01;
const userVerified = 0x04;
const attestedData = 0x40;

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([0x60 + bytes.length]), bytes]);
}

function byteString(value: Uint8Array): Buffer {
  const head = value.length < 256 ? [0x58, value.length] : [0x59, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from(head), value]);
}

/** COSE_Key of a P-256 public key (RFC 9053 §7.1.1): kty EC2, alg ES256, crv P-256, x, y. */
function coseKey(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    byteString(Buffer.from(x, 'base64url')),
    Buffer.from([0x22]),
    byteString(Buffer.from(y, 'base64url')),
  ]);
}

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest();

export class SoftAuthenticator {
  readonly id = randomBytes(32);
  private readonly origin: string;
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private counter = 0;
  /** Tests turn it off. */
  verifiesUser = true;

  constructor(origin: string) {
    this.origin = origin;
  }

  private authenticatorData(rpId: string, attested: boolean): Buffer {
    const flags = userPresent | (this.verifiesUser ? userVerified : 0) | (attested ? attestedData : 0);
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(++this.counter);
    const head = Buffer.concat([sha256(rpId), Buffer.from([flags]), counter]);
    if (!attested) return head;
    const idLength = Buffer.from([this.id.length >> 8, this.id.length & 0xff]);
    return Buffer.concat([head, Buffer.alloc(16), idLength, this.id, coseKey(this.keys.publicKey)]);
  }

  private clientData(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  /** Answer to registration options. */
  create(options: { challenge: string; rp: { id: string } }): Record<string, unknown> {
    const data = this.authenticatorData(options.rp.id, true);
    const attestation = Buffer.concat([
      Buffer.from([0xa3]),
      text('fmt'),
      text('none'),
      text('attStmt'),
      Buffer.from([0xa0]),
      text('authData'),
      byteString(data),
    ]);
    const clientData = this.clientData('webauthn.create', options.challenge);
    return this.answer({
      attestationObject: attestation.toString('base64url'),
      clientDataJSON: clientData.toString('base64url'),
    });
  }

  /** Answer to authentication options. */
  get(options: { challenge: string; rpId: string }): Record<string, unknown> {
    const data = this.authenticatorData(options.rpId, false);
    const clientData = this.clientData('webauthn.get', options.challenge);
    const signature = sign('sha256', Buffer.concat([data, sha256(clientData)]), this.keys.privateKey);
    return this.answer({
      authenticatorData: data.toString('base64url'),
      clientDataJSON: clientData.toString('base64url'),
      signature: signature.toString('base64url'),
    });
  }

  private answer(response: Record<string, string>): Record<string, unknown> {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }
}
