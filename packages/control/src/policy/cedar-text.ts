/**
 * Room: policy (S-1, S-2). Cedar text to checked policies in JSON form, with Cedar's own library.
 *
 * Runs inside the policy worker: it may trap, loop or poison its wasm instance, and the host replaces the worker. The
 * names of policies are their `@id` annotations, because Cedar numbers the policies of one text by place and an inserted
 * line would rename all that follow.
 */
import type { Attributes } from '@atf/core/segmentation/bound-types';
import {
  checkParsePolicySet,
  checkParseSchema,
  type DetailedError,
  formatPolicies,
  policySetTextToParts,
  policyToJson,
  type SchemaJson,
  schemaToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import {
  type ByTool,
  byTool,
  leftOutWords,
  schemaFor,
  type Unfit,
  unknownArgument,
} from './cedar-arguments.ts';
import { schemaWithZones, unknownZone } from './cedar-zones.ts';
import { markUnsafeLiterals, restoreLiterals } from './cedar-literals.ts';
import type {
  CompileTextResult,
  FormatTextResult,
  KnownTypes,
  PolicyDocument,
  PolicyFile,
  PolicyTextProblem,
  PolicyTextProblemCode,
  SchemaResult,
  ToolArguments,
  ToolTypes,
  WorkerAnswer,
  WorkerTask,
} from './cedar-messages.ts';

/** Policies of one compilation. */
export const POLICIES_MAX = 20_000;
/** Problems that one compilation reports. */
const PROBLEMS_MAX = 100;
const POLICY_ID_LENGTH_MAX = 256;
const SCHEMA_FILE = 'schema.cedarschema';

const UTF8 = new TextEncoder();
const FROM_UTF8 = new TextDecoder();

interface Place {
  readonly line: number;
  readonly column: number;
}

/** The place of a character within a text. */
const placeAt = (text: string, at: number): Place => {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
};

/** Cedar counts places in bytes of UTF-8. */
const characterAt = (text: string, byte: number): number =>
  FROM_UTF8.decode(UTF8.encode(text).subarray(0, byte)).length;

const describe = (error: DetailedError): string => {
  const related = (error.related ?? []).map((other) => other.message);
  return [error.message, ...related, ...(error.help === null ? [] : [error.help])].join('; ');
};

/** `from`: where in the file the text begins that the library read; it says places of that text. */
const problemsOf = (
  errors: readonly DetailedError[],
  code: PolicyTextProblemCode,
  file: PolicyFile | undefined,
  from = 0,
): readonly PolicyTextProblem[] =>
  errors.slice(0, PROBLEMS_MAX).map((error) => {
    const message = describe(error);
    if (file === undefined) return { code, message };
    const start = error.sourceLocations?.[0]?.start;
    const at = from + (start === undefined ? 0 : characterAt(file.text.slice(from), start));
    return start === undefined && from === 0
      ? { code, message, file: file.name }
      : { code, message, file: file.name, ...placeAt(file.text, at) };
  });

/** The policies of one text in their order; the library sorts them by the *text* of their numbers (0, 1, 10, 2 …). */
const inTextOrder = (parts: readonly string[]): readonly string[] => {
  const numbers = parts.map((_, index) => `policy${index}`).sort();
  const ordered = new Map(numbers.map((number, index) => [number, parts[index] ?? '']));
  return parts.map((_, index) => ordered.get(`policy${index}`) ?? '');
};

type PartsResult =
  | { readonly ok: true; readonly parts: readonly string[] }
  | { readonly ok: false; readonly problems: readonly PolicyTextProblem[] };

const split = (file: PolicyFile): PartsResult => {
  const answer = policySetTextToParts(file.text);
  if (answer.type === 'failure') return { ok: false, problems: problemsOf(answer.errors, 'syntax', file) };
  if (answer.policy_templates.length > 0) {
    const message = 'policy templates are not supported: write one policy per case';
    return { ok: false, problems: [{ code: 'template', message, file: file.name }] };
  }
  return { ok: true, parts: inTextOrder(answer.policies) };
};

type DocumentResult =
  | { readonly ok: true; readonly document: PolicyDocument }
  | { readonly ok: false; readonly problems: readonly PolicyTextProblem[] };

/** Cedar's JSON form of one static policy with every integer exact. */
export const policyTextToJson = (
  text: string,
):
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly errors: readonly DetailedError[] } => {
  // First as written, so that errors speak of what is written and the markers only ever stand in valid text.
  const plain = policyToJson(text);
  if (plain.type === 'failure') return { ok: false, errors: plain.errors };
  const marked = markUnsafeLiterals(text);
  if (marked.marker === undefined) return { ok: true, json: plain.json };
  const answer = policyToJson(marked.text);
  return answer.type === 'failure'
    ? { ok: false, errors: answer.errors }
    : { ok: true, json: restoreLiterals(answer.json, marked.marker) };
};

const annotationsOf = (json: unknown): Readonly<Record<string, string>> => {
  const annotations = (json as { annotations?: Record<string, string | null> }).annotations ?? {};
  return Object.fromEntries(Object.entries(annotations).map(([name, value]) => [name, value ?? '']));
};

/** One policy of a file, with the place where its text starts (in UTF-16 units). */
interface Part {
  readonly file: PolicyFile;
  readonly text: string;
  readonly start: number;
}

const placeOf = ({ file, start }: Part): Place & { readonly file: string } => ({
  file: file.name,
  ...placeAt(file.text, start),
});

const toDocument = (part: Part): DocumentResult => {
  const { file, text } = part;
  const converted = policyTextToJson(text);
  if (!converted.ok) return { ok: false, problems: problemsOf(converted.errors, 'syntax', file, part.start) };
  const annotations = annotationsOf(converted.json);
  const id = annotations.id ?? '';
  if (id === '' || id.length > POLICY_ID_LENGTH_MAX) {
    const message = `a policy needs an annotation @id("…") of at most ${POLICY_ID_LENGTH_MAX} characters`;
    return { ok: false, problems: [{ code: 'id_missing', message, ...placeOf(part) }] };
  }
  return { ok: true, document: { id, file: file.name, text, json: converted.json, annotations } };
};

/** The policies of a file with their places: each stands behind the one before, also when their texts are equal. */
const placed = (file: PolicyFile, texts: readonly string[]): readonly Part[] => {
  let from = 0;
  return texts.map((text) => {
    const start = Math.max(file.text.indexOf(text, from), from);
    from = start + text.length;
    return { file, text, start };
  });
};

const splitAll = (
  files: readonly PolicyFile[],
): { readonly parts: readonly Part[]; readonly problems: PolicyTextProblem[] } => {
  const parts: Part[] = [];
  const problems: PolicyTextProblem[] = [];
  for (const file of files) {
    const result = split(file);
    if (!result.ok) {
      problems.push(...result.problems);
    } else if (parts.length + result.parts.length > POLICIES_MAX) {
      problems.push({
        code: 'too_many_policies',
        message: `more than ${POLICIES_MAX} policies`,
        file: file.name,
      });
      break;
    } else {
      parts.push(...placed(file, result.parts));
    }
  }
  return { parts, problems };
};

const readDocuments = (
  files: readonly PolicyFile[],
): {
  readonly documents: readonly PolicyDocument[];
  readonly partById: ReadonlyMap<string, Part>;
  readonly problems: readonly PolicyTextProblem[];
} => {
  const documents: PolicyDocument[] = [];
  const { parts, problems } = splitAll(files);
  const partById = new Map<string, Part>();
  for (const part of parts) {
    if (problems.length >= PROBLEMS_MAX) break;
    const result = toDocument(part);
    if (!result.ok) {
      problems.push(...result.problems);
      continue;
    }
    const { id } = result.document;
    const other = partById.get(id);
    if (other !== undefined) {
      const { file, line } = placeOf(other);
      const message = `two policies have the id ${JSON.stringify(id)}; the other is in ${file}, line ${line}`;
      problems.push({ code: 'id_duplicate', message, ...placeOf(part), policyId: id });
    }
    partById.set(id, part);
    documents.push(result.document);
  }
  return { documents, partById, problems: problems.slice(0, PROBLEMS_MAX) };
};

interface SchemaCheck {
  /** Of policies about arguments: the tool, and what of it they fit. */
  readonly fits?: readonly [ref: string, fitted: readonly Attributes[]];
  readonly problems: readonly PolicyTextProblem[];
  readonly warnings: readonly PolicyTextProblem[];
}

type Fits = Readonly<Record<string, readonly Attributes[]>>;

type Report = (found: { policyId: string; error: DetailedError }) => readonly PolicyTextProblem[];

/** Validates some policies at once. The original text goes in, where integers are exact. */
const validated = (
  schema: string | SchemaJson<string>,
  documents: readonly PolicyDocument[],
  report: Report,
): SchemaCheck => {
  if (documents.length === 0) return { problems: [], warnings: [] };
  const staticPolicies = Object.fromEntries(documents.map(({ id, text }) => [id, text]));
  const answer = validate({ schema, policies: { staticPolicies } });
  if (answer.type === 'failure')
    return { problems: problemsOf(answer.errors, 'schema_mismatch', undefined), warnings: [] };
  return {
    problems: answer.validationErrors.slice(0, PROBLEMS_MAX).flatMap(report),
    warnings: answer.validationWarnings.slice(0, PROBLEMS_MAX).flatMap(report),
  };
};

/** Policies about arguments of tools, tool by tool. */
const checkArguments = (
  { tools }: ByTool,
  types: ToolTypes,
  base: ReturnType<typeof schemaToJson>,
  report: Report,
  notThere: (document: PolicyDocument, argument: string) => PolicyTextProblem,
): readonly SchemaCheck[] => {
  if (tools.size === 0) return [];
  const checkAgainst = (
    ref: string,
    documents: readonly PolicyDocument[],
    args: ToolArguments,
  ): SchemaCheck => {
    const schema = base.type === 'success' ? schemaFor(base.json, args) : undefined;
    if (schema === undefined) {
      const message =
        'the namespace ATF has no type Call of a record, which the arguments of tools are laid over';
      return { problems: [{ code: 'schema_syntax', message, file: SCHEMA_FILE }], warnings: [] };
    }
    const checked = validated(schema, documents, report);
    const problems = documents.flatMap((document): readonly PolicyTextProblem[] => {
      const found = checked.problems.filter(({ policyId }) => policyId === document.id);
      const unknown = found.length === 0 ? unknownArgument(document, args) : undefined;
      const all = unknown === undefined ? found : [notThere(document, unknown)];
      const more = ` (arguments of ${ref})${leftOutWords(document, args)}`;
      return all.map((problem) => ({ ...problem, message: `${problem.message}${more}` }));
    });
    return { problems, warnings: checked.warnings };
  };
  return [...tools].map(([ref, documents]): SchemaCheck => {
    const { offered, ...accepted } = types[ref] ?? { attributes: {}, leftOut: {} };
    const now = checkAgainst(ref, documents, accepted);
    const then = offered === undefined ? undefined : checkAgainst(ref, documents, offered);
    const fits = [
      ...(now.problems.length === 0 ? [accepted.attributes] : []),
      ...(offered !== undefined && then?.problems.length === 0 ? [offered.attributes] : []),
    ];
    // What fits only the definition on offer decides nothing before that is accepted.
    const check = now.problems.length > 0 && fits.length > 0 ? (then ?? now) : now;
    return { ...check, fits: [ref, fits] };
  });
};

const checkSchema = (
  documents: readonly PolicyDocument[],
  partById: ReadonlyMap<string, Part>,
  schemaText: string,
  { types, zones }: { readonly types: KnownTypes | undefined; readonly zones: readonly string[] },
): Omit<SchemaCheck, 'fits'> & { readonly fits: Fits } => {
  const parsed = checkParseSchema(schemaText);
  if (parsed.type === 'failure') {
    const schemaFile = { name: SCHEMA_FILE, text: schemaText };
    return { fits: {}, problems: problemsOf(parsed.errors, 'schema_syntax', schemaFile), warnings: [] };
  }
  const report: Report = ({ policyId, error }) => {
    const part = partById.get(policyId);
    return problemsOf([error], 'schema_mismatch', part?.file, part?.start).map((problem) => ({
      ...problem,
      policyId,
    }));
  };
  if (types === undefined) return { ...validated(schemaText, documents, report), fits: {} };
  const read = schemaToJson(schemaText);
  const laid = read.type === 'success' && zones.length > 0 ? schemaWithZones(read.json, zones) : undefined;
  if (laid === undefined && zones.length > 0) {
    const message = 'the namespace ATF has no type Time of a record, which time zones are laid over';
    return {
      fits: {},
      problems: [{ code: 'schema_syntax', message, file: SCHEMA_FILE }],
      warnings: [],
    };
  }
  const astray = documents.flatMap((document): readonly PolicyTextProblem[] => {
    const found = unknownZone(document, zones);
    const part = partById.get(document.id);
    if (found === undefined || part === undefined) return [];
    const at = part.start + Math.max(part.text.indexOf(found.word), 0);
    const place = { file: part.file.name, ...placeAt(part.file.text, at) };
    return [{ code: 'schema_mismatch', message: found.message, ...place, policyId: document.id }];
  });
  if (astray.length > 0) return { fits: {}, problems: astray.slice(0, PROBLEMS_MAX), warnings: [] };
  const schema = laid ?? schemaText;
  const base = laid === undefined ? read : { ...read, json: laid };
  const split = byTool(documents, types);
  const told = ({ document, message }: Unfit): PolicyTextProblem => {
    const part = partById.get(document.id);
    return { code: 'schema_mismatch', message, ...(part && placeOf(part)), policyId: document.id };
  };
  const notThere = (document: PolicyDocument, argument: string): PolicyTextProblem => {
    const part = partById.get(document.id);
    const name = argument.slice(argument.lastIndexOf('.') + 1);
    const at = part === undefined ? 0 : part.start + Math.max(part.text.indexOf(name), 0);
    const place = part === undefined ? {} : { file: part.file.name, ...placeAt(part.file.text, at) };
    const message = `the tool has no argument ${JSON.stringify(argument)} of a type that policies know`;
    return { code: 'schema_mismatch', message, ...place, policyId: document.id };
  };
  const checks = [
    validated(schema, split.plain, report),
    ...(types === 'unknown' ? [] : checkArguments(split, types, base, report, notThere)),
  ];
  const fitted = checks.flatMap(({ fits }: SchemaCheck) => (fits === undefined ? [] : [fits]));
  return {
    fits: Object.fromEntries(fitted),
    problems: [...checks.flatMap(({ problems }) => problems), ...split.problems.map(told)].slice(
      0,
      PROBLEMS_MAX,
    ),
    warnings: [...checks.flatMap(({ warnings }) => warnings), ...split.unchecked.map(told)].slice(
      0,
      PROBLEMS_MAX,
    ),
  };
};

const compile = (
  files: readonly PolicyFile[],
  schemaText: string | undefined,
  known: { readonly types: KnownTypes | undefined; readonly zones: readonly string[] },
): CompileTextResult => {
  const { documents, partById, problems } = readDocuments(files);
  if (problems.length > 0) return { ok: false, problems };
  const whole = checkParsePolicySet({
    staticPolicies: Object.fromEntries(documents.map(({ id, text }) => [id, text])),
  });
  if (whole.type === 'failure') return { ok: false, problems: problemsOf(whole.errors, 'syntax', undefined) };
  if (schemaText === undefined) return { ok: true, policies: documents, fits: {}, warnings: [] };
  const check = checkSchema(documents, partById, schemaText, known);
  return check.problems.length > 0
    ? { ok: false, problems: check.problems }
    : { ok: true, policies: documents, fits: check.fits, warnings: check.warnings };
};

/** Characters of a line: conditions of policies are long words. */
const lineWidth = 110;

const format = (text: string): FormatTextResult => {
  const answer = formatPolicies({ policyText: text, lineWidth });
  return answer.type === 'success'
    ? { ok: true, text: answer.formatted_policy }
    : { ok: false, problems: problemsOf(answer.errors, 'syntax', { name: 'text', text }) };
};

const readSchema = (schemaText: string): SchemaResult => {
  const answer = schemaToJson(schemaText);
  return answer.type === 'success'
    ? { ok: true, json: answer.json }
    : {
        ok: false,
        problems: problemsOf(answer.errors, 'schema_syntax', { name: 'schema', text: schemaText }),
      };
};

/** Does one task. May throw when the wasm traps: the worker then dies, and the host answers. */
export const runTask = (task: WorkerTask): WorkerAnswer => {
  switch (task.kind) {
    case 'compile':
      return compile(task.files, task.schemaText, { types: task.types, zones: task.zones });
    case 'format':
      return format(task.text);
    case 'schema':
      return readSchema(task.schemaText);
  }
};
