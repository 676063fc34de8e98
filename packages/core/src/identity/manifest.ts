/**
 * Room: identity (I-3, I-4, I-5). From the text of a manifest to a checked manifest and its version identity. Who the named people are is
 * the registry's business, and so is whether they may hold the offices that they are given.
 */
import { sha256 } from '../digest.ts';
import { type Refusal, refusal } from '../errors.ts';
import { jsonBoundsDefault, parseStrictText } from '../wire/json.ts';
import { type Manifest, manifestBytesMax, manifestSchema } from '../wire/manifest.ts';
import { parseStrictYaml } from '../wire/strict-yaml.ts';

/** Problems that one refusal lists. */
const problemsMax = 10;

export type ManifestParsed =
  | {
      readonly ok: true;
      readonly manifest: Manifest;
      /** SHA-256 of the text as given: another byte is another version. */
      readonly digest: string;
    }
  | { readonly ok: false; readonly refusal: Refusal };

const invalid = (detail: string): ManifestParsed => ({
  ok: false,
  refusal: refusal('identity.manifest_invalid', detail),
});

/** A limit, window, human checkpoint or tables on a tool that is not on the list would never bind: most likely a typing error, and a dangerous one. */
function unlistedTools({ tools, limits, checkpoints, windows = [], databases = [] }: Manifest): string[] {
  const listed = new Set(tools);
  return [...limits, ...checkpoints, ...windows, ...databases].flatMap(({ tool }) =>
    tool === undefined || listed.has(tool) ? [] : [tool],
  );
}

/** Reads and checks a manifest. Refuses with `identity.manifest_invalid`, naming fields and never their content. */
export function parseManifest(text: string, format: 'yaml' | 'json'): ManifestParsed {
  const bounds = { ...jsonBoundsDefault, bytesMax: manifestBytesMax };
  if (Buffer.byteLength(text) > manifestBytesMax) return invalid(`longer than ${manifestBytesMax} bytes`);
  const read = format === 'json' ? parseStrictText(text, bounds) : parseStrictYaml(text, manifestBytesMax);
  if (!read.ok) return invalid('offset' in read ? `${read.problem} at ${read.offset}` : read.problem);
  const checked = manifestSchema.safeParse(read.value);
  if (!checked.success) {
    const problems = checked.error.issues.slice(0, problemsMax);
    return invalid(
      problems.map(({ path, message }) => `${path.join('.') || 'manifest'}: ${message}`).join('; '),
    );
  }
  const manifest = checked.data;
  // Here and not in the schema, which also reads what was registered before.
  const unitless = manifest.limits.findIndex(
    ({ amountMax, currency }) => amountMax !== undefined && currency === undefined,
  );
  if (unitless >= 0)
    return invalid(`limits.${unitless}: amountMax needs its currency, also for a tool that takes none`);
  const unlisted = unlistedTools(manifest);
  if (unlisted.length > 0)
    return invalid(
      `limits, checkpoints, windows or databases name tools that are not listed: ${unlisted.slice(0, problemsMax).join(', ')}`,
    );
  if (new Set(manifest.tools).size !== manifest.tools.length) return invalid('tools: a tool is listed twice');
  const databases = (manifest.databases ?? []).map(({ tool }) => tool);
  if (new Set(databases).size !== databases.length) return invalid('databases: a tool is listed twice');
  return { ok: true, manifest, digest: sha256(text) };
}

/** The three offices, by id of a person. */
export interface Offices {
  readonly ownerId: string;
  readonly technicalOwnerId: string;
  readonly businessOwnerId: string;
}

/**
 * Offices that must be apart (specification, roles): technical owner and agent owner, technical and business owner.
 * Compared by person, so that two spellings of one address do not pass.
 */
export function checkOffices({ ownerId, technicalOwnerId, businessOwnerId }: Offices): Refusal | undefined {
  if (technicalOwnerId === ownerId)
    return refusal('identity.manifest_owners', 'technicalOwner and owner are the same person');
  if (technicalOwnerId === businessOwnerId)
    return refusal('identity.manifest_owners', 'technicalOwner and businessOwner are the same person');
  return undefined;
}
