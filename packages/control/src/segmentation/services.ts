/**
 * Room: segmentation (S-1, I-2). HTTP services: their tools come from an OpenAPI document that a person hands in, and the credential with which the gateway makes
 * itself known to them is kept here, in one envelope (AES-256-GCM) under the key of this purpose, bound to its server. It stands in no feed, log, record or
 * answer but the one to a gateway that carries the service.
 */
import { compileSchema } from '@atf/core/data/schema';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { leastClassOf, operationOf } from '@atf/core/segmentation/http-operation';
import { describeService, documentBytesMax, type LeftOut } from '@atf/core/segmentation/openapi';
import type { BodyOut } from '@atf/core/wire/api';
import type { ServerDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject, parseStrictText } from '@atf/core/wire/json';
import { credentialKinds, type ServiceCredential } from '@atf/core/wire/service';
import type { ActionClass } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { openEnvelope, sealEnvelope } from '../keys/envelope.ts';
import { serverDocOf } from './documents.ts';
import { lockServer, putCredential, serverByName, type ServerRow } from './store.ts';

const documentBounds = { bytesMax: documentBytesMax, depthMax: 64, valuesMax: 200_000 };
const leftOutMax = 1_000;

interface Offer {
  readonly definitions: readonly Record<string, unknown>[];
  readonly from?: string;
  readonly leftOut?: LeftOut[];
}

/** Reads what a person says that a server has. Refuses `request.malformed`. */
export function describeOffer({ definitions, document }: BodyOut<'servers.define'>): Offer {
  if ((definitions === undefined) === (document === undefined))
    return refuse('request.malformed', 'either definitions or document');
  if (document === undefined) return { definitions: definitions ?? [] };
  const described = describeService(readDocument(document));
  if (!described.ok) return refuse('request.malformed', `document: ${described.problem}`);
  const leftOut = [...described.leftOut];
  const usable = described.definitions.filter((definition) => {
    const schemas = [definition['inputSchema'], definition['outputSchema']];
    if (schemas.every((schema) => isJsonObject(schema) && compileSchema(schema) !== undefined)) return true;
    leftOut.push({ operation: String(definition['name']), why: 'one of its schemas cannot be checked' });
    return false;
  });
  if (usable.length === 0)
    return refuse('request.malformed', 'document: none of its operations can be governed');
  return { definitions: usable, from: sha256(document), leftOut: leftOut.slice(0, leftOutMax) };
}

function readDocument(text: string): Json {
  const json = /^\s*\{/.test(text);
  const parsed = json ? parseStrictText(text, documentBounds) : parseStrictYaml(text, documentBytesMax);
  return parsed.ok
    ? parsed.value
    : refuse(
        'request.malformed',
        `document: it cannot be read as strict ${json ? 'JSON' : 'YAML'}: ${parsed.problem}`,
      );
}

/** The least that a tool of an HTTP service does. */
export function leastClass(
  { transport }: Pick<ServerRow, 'transport'>,
  definition: JsonObject,
): ActionClass | undefined {
  const operation = transport.kind === 'openapi' ? operationOf(definition) : undefined;
  return operation === undefined ? undefined : leastClassOf(operation);
}

/** A base address has one reading: no credentials, query or fragment, nothing in its path that a server could resolve. Refuses `request.malformed`. */
export function checkServiceUrl(url: string): void {
  const { protocol, username, password, search, hash, pathname } = new URL(url);
  const plain = /^(?:\/[A-Za-z0-9_~!$'()*+,=:@-][A-Za-z0-9._~!$'()*+,=:@-]*)*\/?$/.test(pathname);
  const written = new URL(url).href === url || new URL(url).href === `${url}/`;
  if (
    !/^https?:$/.test(protocol) ||
    username !== '' ||
    password !== '' ||
    search !== '' ||
    hash !== '' ||
    !plain ||
    !written
  )
    refuse(
      'request.malformed',
      'url: an http or https address and a plain path, without user, query or fragment',
    );
}

type Sealed = Pick<ServerRow, 'credential' | 'credential_kid' | 'credential_box'>;

const contextOf = (tenant: string, server: string): string => `atf:service-credential:${tenant}:${server}`;

/** The columns of a credential. Refuses `request.malformed` for servers that take none. */
export function sealedCredential(
  { config, keys }: Pick<Control, 'config' | 'keys'>,
  server: string,
  transport: ServerDoc['transport'],
  credential: ServiceCredential | null,
): Sealed {
  if (credential === null) return { credential: null, credential_kid: null, credential_box: null };
  if (transport.kind !== 'openapi')
    return refuse('request.malformed', 'credential: only HTTP services have one');
  const { kid, key } = keys.secret('service');
  return {
    credential: credentialKinds.find((kind) => kind in credential) ?? null,
    credential_kid: kid,
    credential_box: sealEnvelope(
      key,
      Buffer.from(JSON.stringify(credential)),
      contextOf(config.tenant, server),
    ),
  };
}

/** Sets, replaces or takes away. Refuses `segmentation.server_unknown`, `request.malformed`. */
export async function setCredential(
  control: Control,
  tx: Tx,
  name: string,
  credential: ServiceCredential | null,
  by: string,
): Promise<ServerRow> {
  const row = (await lockServer(tx, control.config.tenant, name)) ?? refuse('segmentation.server_unknown');
  if (row.transport.kind !== 'openapi')
    refuse('request.malformed', 'credential: only HTTP services have one');
  const sealed = sealedCredential(control, name, row.transport, credential);
  await putCredential(tx, row, sealed);
  const written: ServerRow = { ...row, ...sealed, epoch: row.epoch + 1 };
  await control.feed.put(tx, 'server', name, serverDocOf(written));
  await control.audit.enqueue(tx, 'segmentation.credential_set', {
    server: name,
    kind: sealed.credential,
    by,
  });
  return written;
}

/** For a gateway that carries the service. Refuses `segmentation.server_unknown`. */
export async function credentialOf(
  { db, config, keys }: Pick<Control, 'db' | 'config' | 'keys'>,
  name: string,
): Promise<{ epoch: number; credential: ServiceCredential | null }> {
  const row = (await serverByName(db, config.tenant, name)) ?? refuse('segmentation.server_unknown');
  const { epoch, credential_kid: kid, credential_box: box } = row;
  if (kid === null || box === null) return { epoch, credential: null };
  const plain = openEnvelope(keys.secret('service', kid).key, box, contextOf(config.tenant, name));
  if (plain === undefined) return refuse('storage.key_missing', 'the stored credential does not open');
  return { epoch, credential: JSON.parse(plain.toString('utf8')) as ServiceCredential };
}
