/** What HTTP services are told about on the wire: their documents, and the credential that the gateway puts on their requests. */
import { z } from 'zod';

/** Characters of an OpenAPI document. */
export const documentLengthMax = 2 * 1_048_576;

const secret = z
  .string()
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, 'printable ASCII')
  .max(8_192);

/** How a service knows its caller. It is shown to nobody, and given to gateways that carry the service only. */
export const serviceCredentialSchema = z.union([
  z.strictObject({ bearer: secret }),
  z.strictObject({
    basic: z.strictObject({
      user: z.string().regex(/^[^:\x00-\x1f\x7f]{1,256}$/, 'a user name without a colon'),
      password: z.string().regex(/^[^\x00-\x1f\x7f]{1,1024}$/, 'a password without control characters'),
    }),
  }),
  z.strictObject({
    header: z.strictObject({
      name: z.string().regex(/^[a-z0-9-]{1,64}$/, 'a header in lower case'),
      value: secret,
    }),
  }),
  z.strictObject({
    query: z.strictObject({ name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a name'), value: secret }),
  }),
]);
export type ServiceCredential = z.infer<typeof serviceCredentialSchema>;

export const credentialKinds = ['bearer', 'basic', 'header', 'query'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

export const leftOutSchema = z.object({ operation: z.string().max(200), why: z.string().max(300) });
