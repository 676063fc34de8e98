/**
 * Room: policy (S-1, S-2). Cedar text to checked policies in JSON form, with Cedar's own library.
 *
 * Runs inside the policy worker: it may trap, loop or poison its wasm instance, and the host replaces the worker. The
 * names of policies are their `@id` annotations, because Cedar numbers the policies of one text by place and an inserted
 * line would rename all that follow.
 */
import {
  checkParsePolicySet,
  checkParseSchema,
  type DetailedError,
  formatPolicies,
  policySetTextToParts,
  policyToJson,
  schemaToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { markUnsafeLiterals, restoreLiterals } from './cedar-literals.ts';
import type {
  CompileTextResult,
  FormatTextResult,
  PolicyDocument,
  PolicyFile,
  PolicyTextProblem,
  PolicyTextProblemCode,
  SchemaResult,
  WorkerAnswer,
  WorkerTask,
} from './cedar-messages.ts';

/** Policies of one compilation. */
export const POLICIES_MAX = 20_000;
/** Problems that one compilation reports. */
const PROBLEMS_MAX = 100;
const POLICY_ID_LENGTH_MAX = 256;

const UTF8 = new TextEncoder();

/** Cedar counts places in bytes of UTF-8; lines are the same in any encoding. */
const lineAt = (text: string, byte: number): number => {
  const bytes = UTF8.encode(text).subarray(0, byte);
  let line = 1;
  for (const unit of bytes) if (unit === 0x0a) line += 1;
  return line;
};

const describe = (error: DetailedError): string => {
  const related = (error.related ?? []).map((other) => other.message);
  return [error.message, ...related, ...(error.help === null ? [] : [error.help])].join('; ');
};

const problemsOf = (
  errors: readonly DetailedError[],
  code: PolicyTextProblemCode,
  file: PolicyFile | undefined,
): readonly PolicyTextProblem[] =>
  errors.slice(0, PROBLEMS_MAX).map((error) => {
    const start = error.sourceLocations?.[0]?.start;
    const place = file === undefined ? {} : { file: file.name };
    return file === undefined || start === undefined
      ? { code, message: describe(error), ...place }
      : { code, message: describe(error), ...place, line: lineAt(file.text, start) };
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

const lineOf = ({ file, start }: Part): number => file.text.slice(0, start).split('\n').length;

const toDocument = (part: Part): DocumentResult => {
  const { file, text } = part;
  const converted = policyTextToJson(text);
  if (!converted.ok) {
    const problems = problemsOf(converted.errors, 'syntax', undefined);
    return {
      ok: false,
      problems: problems.map((problem) => ({ ...problem, file: file.name, line: lineOf(part) })),
    };
  }
  const annotations = annotationsOf(converted.json);
  const id = annotations.id ?? '';
  if (id === '' || id.length > POLICY_ID_LENGTH_MAX) {
    const message = `a policy needs an annotation @id("…") of at most ${POLICY_ID_LENGTH_MAX} characters`;
    return { ok: false, problems: [{ code: 'id_missing', message, file: file.name, line: lineOf(part) }] };
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
): { readonly documents: readonly PolicyDocument[]; readonly problems: readonly PolicyTextProblem[] } => {
  const documents: PolicyDocument[] = [];
  const { parts, problems } = splitAll(files);
  const fileById = new Map<string, string>();
  for (const part of parts) {
    if (problems.length >= PROBLEMS_MAX) break;
    const result = toDocument(part);
    if (!result.ok) {
      problems.push(...result.problems);
      continue;
    }
    const { id } = result.document;
    const other = fileById.get(id);
    if (other !== undefined) {
      const message = `two policies have the id ${JSON.stringify(id)}; the other is in ${other}`;
      problems.push({
        code: 'id_duplicate',
        message,
        file: part.file.name,
        line: lineOf(part),
        policyId: id,
      });
    }
    fileById.set(id, part.file.name);
    documents.push(result.document);
  }
  return { documents, problems: problems.slice(0, PROBLEMS_MAX) };
};

interface SchemaCheck {
  readonly problems: readonly PolicyTextProblem[];
  readonly warnings: readonly PolicyTextProblem[];
}

/** Validates all policies at once. The original text goes in, where integers are exact. */
const checkSchema = (documents: readonly PolicyDocument[], schemaText: string): SchemaCheck => {
  const parsed = checkParseSchema(schemaText);
  if (parsed.type === 'failure')
    return { problems: problemsOf(parsed.errors, 'schema_syntax', undefined), warnings: [] };
  const byId = new Map(documents.map((document) => [document.id, document]));
  const staticPolicies = Object.fromEntries(documents.map(({ id, text }) => [id, text]));
  const answer = validate({ schema: schemaText, policies: { staticPolicies } });
  if (answer.type === 'failure')
    return { problems: problemsOf(answer.errors, 'schema_mismatch', undefined), warnings: [] };
  const report = (found: { policyId: string; error: DetailedError }): PolicyTextProblem => ({
    code: 'schema_mismatch',
    message: describe(found.error),
    policyId: found.policyId,
    file: byId.get(found.policyId)?.file ?? '',
  });
  return {
    problems: answer.validationErrors.slice(0, PROBLEMS_MAX).map(report),
    warnings: answer.validationWarnings.slice(0, PROBLEMS_MAX).map(report),
  };
};

const compile = (files: readonly PolicyFile[], schemaText: string | undefined): CompileTextResult => {
  const { documents, problems } = readDocuments(files);
  if (problems.length > 0) return { ok: false, problems };
  const whole = checkParsePolicySet({
    staticPolicies: Object.fromEntries(documents.map(({ id, text }) => [id, text])),
  });
  if (whole.type === 'failure') return { ok: false, problems: problemsOf(whole.errors, 'syntax', undefined) };
  if (schemaText === undefined) return { ok: true, policies: documents, warnings: [] };
  const check = checkSchema(documents, schemaText);
  return check.problems.length > 0
    ? { ok: false, problems: check.problems }
    : { ok: true, policies: documents, warnings: check.warnings };
};

const format = (text: string): FormatTextResult => {
  const answer = formatPolicies({ policyText: text });
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
      return compile(task.files, task.schemaText);
    case 'format':
      return format(task.text);
    case 'schema':
      return readSchema(task.schemaText);
  }
};
