/**
 * A process for the kill test: appends without pause from eight writers, and prints the number of every record only after its append has
 * resolved. Arguments: directory, file of the private key (PKCS #8 PEM), first number.
 */
import { sealSigner } from '@atf/core/audit/gateway-key';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { openSpool } from './spool.ts';

const [directory, keyFile, first] = process.argv.slice(2) as [string, string, string];
const signer = sealSigner('k1', createPrivateKey(readFileSync(keyFile)));
const spool = await openSpool({ directory, gateway: 'g1', signer, segmentBytesMax: 65_536 });
let next = Number(first);
writeSync(1, 'ready\n');
const writer = async (): Promise<void> => {
  for (;;) {
    const n = next++;
    const draft = {
      type: 'action.intent',
      at: '2026-11-20T12:00:00.000Z',
      tenant: 'main',
      body: { n },
    } as const;
    if ((await spool.append(draft)).ok) writeSync(1, `${n}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, writer));
