/** The files from which somebody registers an HTTP service (S-1): its OpenAPI document, and the credential with which the gateway makes itself known to it. */
import { readFileSync, statSync } from 'node:fs';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { documentLengthMax, type ServiceCredential, serviceCredentialSchema } from '@atf/core/wire/service';
import { CliFailure, exitCodes } from './exit-codes.ts';

const credentialBytesMax = 16_384;
/** Permission bits that let anybody but the owner read. */
const othersRead = 0o077;

/** @throws CliFailure when there is no such file, or it is too large */
export function readText(file: string, bytesMax: number): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size > bytesMax)
    throw new CliFailure(exitCodes.usage, `${file} is not a file of at most ${bytesMax} bytes`);
  return readFileSync(file, 'utf8');
}

/** @throws CliFailure when there is no such file, or it is too large; what it says is read by control */
export const readDocument = (file: string): string => readText(file, documentLengthMax);

/** @throws CliFailure when there is no such file, others may read it, or it does not say how */
export function readCredential(file: string): ServiceCredential {
  const text = readText(file, credentialBytesMax);
  const { mode } = statSync(file);
  if (process.platform !== 'win32' && (mode & othersRead) !== 0)
    throw new CliFailure(exitCodes.usage, `${file} can be read by others`, { help: `chmod 600 ${file}` });
  const parsed = parseStrictYaml(text, credentialBytesMax);
  const credential = parsed.ok ? serviceCredentialSchema.safeParse(parsed.value) : undefined;
  if (credential?.success !== true)
    throw new CliFailure(exitCodes.usage, `${file} does not say how the service knows its caller`, {
      help: 'One of: bearer: TOKEN · basic: {user: …, password: …} · header: {name: x-api-key, value: …} · query: {name: key, value: …}',
    });
  return credential.data;
}
