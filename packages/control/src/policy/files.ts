/**
 * Room: policy (S-1, S-2). Policy files on disk to one checked set: Cedar's own library parses and validates, our evaluator compiles what
 * it will decide with, and a set that either refuses is refused whole. The digest is over all bytes, so a set is known by its content.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { type CompiledPolicySet, compilePolicySet } from '@atf/core/policy/compile';
import { agentsNamed } from '@atf/core/policy/doubts';
import type { StatedPolicy } from '@atf/core/policy/loosening';
import { readsOf, toolOf } from '@atf/core/policy/reads';
import { typesDigest } from '@atf/core/segmentation/bound-types';
import type { PolicyDoc } from '@atf/core/wire/feed';
import { canonicalJson } from '@atf/core/wire/json';
import { policyFileNameSchema, policyFilesMax, policySetBytesMax } from '@atf/core/wire/policy';
import type { Cedar, PolicyDocument } from './cedar.ts';
import type { CompileTextResult, KnownTypes } from './cedar-messages.ts';
import { type KnownHere, notesOf } from './doubts.ts';
import { said } from './said.ts';
import { type Settings, parseSettings } from './settings.ts';
import { type Named, namedIn } from './tool-types.ts';

/** Bytes of one policy file. */
const fileBytesMax = 4 * 1_048_576;
export const schemaFile = 'schema.cedarschema';
export const settingsFile = 'settings.yaml';
const casesFolder = 'cases';

export const isCaseFile = (name: string): boolean => name.startsWith(`${casesFolder}/`);

export interface PolicyFiles {
  /** Sorted by name. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

export interface PolicySet {
  /** SHA-256 over names and bytes of all files. */
  readonly digest: string;
  readonly files: PolicyFiles['files'];
  readonly policies: PolicyDoc['policies'];
  readonly compiled: CompiledPolicySet;
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

export type PolicySetResult =
  | {
      readonly ok: true;
      readonly set: PolicySet;
      readonly known: KnownHere;
    }
  | { readonly ok: false; readonly problems: readonly string[] };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function namesIn(dir: string, wanted: (name: string) => boolean): Promise<string[]> {
  return (await readdir(dir)).filter(wanted).sort();
}

/**
 * Whether these can be the files of a set at all: names, count, bytes. `own` is the one file beside policies, schema and cases that `set`, named for a person, may
 * hold. Plain sentences; none: they can.
 */
export function boundsProblems({ files }: PolicyFiles, set: string, own: string): string[] {
  const names = new Set<string>();
  const problems = files.flatMap(({ name }) => {
    const known =
      policyFileNameSchema.safeParse(name).success &&
      (isCaseFile(name)
        ? name.endsWith('.yaml')
        : name.endsWith('.cedar') || name === schemaFile || name === own);
    if (names.has(name)) return [`${name}: the same name twice`];
    names.add(name);
    return known ? [] : [`${name}: not a file of ${set} (*.cedar, ${schemaFile}, ${own}, cases/*.yaml)`];
  });
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (files.length > policyFilesMax) problems.push(`more than ${policyFilesMax} files`);
  if (bytes > policySetBytesMax) problems.push(`more than ${policySetBytesMax} bytes in all files together`);
  return problems;
}

/** Reads `*.cedar`, the schema, the settings (of an application set: the entities) and `cases/*.yaml` of a folder. @throws when it cannot be read or holds more than the bounds. */
export async function readPolicyFiles(dir: string): Promise<PolicyFiles> {
  const top = await namesIn(
    dir,
    (name) =>
      name.endsWith('.cedar') || name === schemaFile || name === settingsFile || name === 'entities.yaml',
  );
  const cases = await namesIn(join(dir, casesFolder), (name) => name.endsWith('.yaml')).catch(
    (fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return [];
      throw fault;
    },
  );
  const names = [...cases.map((name) => `${casesFolder}/${name}`), ...top];
  if (names.length > policyFilesMax) throw new Error(`more than ${policyFilesMax} policy files`);
  const files: { name: string; text: string }[] = [];
  for (const name of names) {
    const path = join(dir, name);
    if ((await stat(path)).size > fileBytesMax)
      throw new Error(`${name} is larger than ${fileBytesMax} bytes`);
    files.push({ name, text: decoder.decode(await readFile(path)) });
  }
  return { files };
}

/** Lengths make the concatenation unambiguous. */
export function policyDigest({ files }: PolicyFiles): string {
  return sha256(files.map(({ name, text }) => `${name}\n${Buffer.byteLength(text)}\n${text}\n`).join(''));
}

type Fits = Extract<CompileTextResult, { ok: true }>['fits'];

/** A policy as gateways are told of it: one about arguments with the types that it was checked against. */
function bound({ id, annotations, json }: PolicyDocument, fits: Fits): PolicyDoc['policies'][number] {
  const policy = { id, annotations: { ...annotations }, json };
  const paths = readsOf(json).args;
  if (paths === undefined) return policy;
  const against = fits[toolOf(json) ?? ''] ?? [];
  return { ...policy, typed: [...new Set(against.map((each) => typesDigest(each, paths)))] };
}

/** The same files that were checked against other types are another set: what they decide about is not the same. */
function digestOf(given: PolicyFiles, policies: PolicyDoc['policies']): string {
  const digest = policyDigest(given);
  const typed = policies.flatMap((policy) => (policy.typed === undefined ? [] : [[policy.id, policy.typed]]));
  return typed.length === 0 ? digest : sha256(`${digest}\n${canonicalJson(typed)}`);
}

/** Whom to ask what there is of what policies name. */
export interface Register {
  /** What arguments the tools have. */
  types(named: Named): Promise<KnownTypes>;
  /** Of these names and ids of agents, those that somebody has; undefined: nobody knows here. */
  agents(refs: readonly string[]): Promise<ReadonlySet<string> | undefined>;
}

/** Nobody is asked about nothing. */
async function typesOfNamed(named: Named, register: Register): Promise<KnownTypes> {
  return named.tools.length + named.servers.length === 0 ? {} : register.types(named);
}

/** Names of agents that are looked up; what is more is not doubted. */
const agentsAskedMax = 200;

async function agentsOf(
  policies: readonly StatedPolicy[],
  register: Register,
): Promise<ReadonlySet<string> | undefined> {
  const refs = new Set(policies.flatMap((policy) => [...agentsNamed(policy)]));
  if (refs.size === 0 || refs.size > agentsAskedMax) return undefined;
  return register.agents([...refs]);
}

/** Checks a set whole. Problems name file, line and policy. Without a register policies about arguments are warned of as unchecked. */
export async function compileFiles(
  cedar: Cedar,
  given: PolicyFiles,
  register?: Register,
): Promise<PolicySetResult> {
  const text = (name: string) => given.files.find((file) => file.name === name)?.text;
  const schema = text(schemaFile);
  const settingsText = text(settingsFile);
  if (schema === undefined || settingsText === undefined) {
    return { ok: false, problems: [`${schema === undefined ? schemaFile : settingsFile} is missing`] };
  }
  const settings = parseSettings(settingsText);
  if (!settings.ok)
    return { ok: false, problems: settings.problems.map((problem) => `${settingsFile}: ${problem}`) };
  const sources = given.files.filter(({ name }) => name.endsWith('.cedar'));
  const types = register === undefined ? 'unknown' : await typesOfNamed(namedIn(sources), register);
  const parsed = await cedar.compileText(sources, schema, types, settings.settings.timeZones);
  if (!parsed.ok) return { ok: false, problems: parsed.problems.map(said) };
  const notes = parsed.policies.flatMap((document) => notesOf(given, document));
  if (notes.length > 0) return { ok: false, problems: notes };
  const policies = parsed.policies.map((document) => bound(document, parsed.fits));
  // What is decided here, its cases, is about no registered tool.
  const compiled = compilePolicySet(policies.map(({ id, json }) => ({ id, json })));
  if (!compiled.ok) {
    return {
      ok: false,
      problems: compiled.problems.map(
        ({ policyId, message }) => `${policyId}: our evaluator refuses it: ${message}`,
      ),
    };
  }
  return {
    ok: true,
    known: { types, agents: register === undefined ? undefined : await agentsOf(policies, register) },
    set: {
      digest: digestOf(given, policies),
      files: given.files,
      policies,
      compiled: compiled.set,
      settings: settings.settings,
      warnings: parsed.warnings.map(said),
    },
  };
}
