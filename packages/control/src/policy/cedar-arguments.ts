/**
 * Room: policy (S-1, S-4). Policies about arguments of a tool: each is held to a schema in which `context.args` has the types of that tool. Runs in the policy
 * worker, beside `cedar-text.ts`.
 */
import type { Attributes } from '@atf/core/segmentation/bound-types';
import { readsOf, toolOf } from '@atf/core/policy/reads';
import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { KnownTypes, PolicyDocument, ToolArguments } from './cedar-messages.ts';

/** Why a policy cannot be held to the types of a tool. */
export interface Unfit {
  readonly document: PolicyDocument;
  readonly message: string;
}

const wholeContext =
  'it uses the context as a whole, so nobody can see what it asks about: write context.name, also for context.args';

export interface ByTool {
  /** Those that ask about no arguments. */
  readonly plain: readonly PolicyDocument[];
  readonly tools: ReadonlyMap<string, readonly PolicyDocument[]>;
  readonly problems: readonly Unfit[];
  /** Nobody said what tools there are: read, and not held to any type. */
  readonly unchecked: readonly Unfit[];
}

const oneTool =
  'a policy that asks about context.args is about one tool, because each has its own arguments: write resource == ATF::Tool::"server/tool" in its scope';
const noGuard =
  'context.args is always there in a policy about one tool: leave out "context has args", so that a gateway that cannot tell the arguments refuses instead of passing over the policy';

export function byTool(documents: readonly PolicyDocument[], types: KnownTypes): ByTool {
  const plain: PolicyDocument[] = [];
  const tools = new Map<string, PolicyDocument[]>();
  const problems: Unfit[] = [];
  const unchecked: Unfit[] = [];
  for (const document of documents) {
    const { args, argsGuarded, wholeContext: whole } = readsOf(document.json);
    const ref = toolOf(document.json);
    if (whole) problems.push({ document, message: wholeContext });
    else if (args === undefined) plain.push(document);
    else if (argsGuarded) problems.push({ document, message: noGuard });
    else if (ref === undefined) problems.push({ document, message: oneTool });
    else if (types === 'unknown')
      unchecked.push({
        document,
        message: `the arguments of ${ref} were not checked: its types are not known here`,
      });
    else if (!Object.hasOwn(types, ref))
      problems.push({
        document,
        message: `it asks about arguments of ${JSON.stringify(ref)}, and no such tool was accepted: see "atf tool list"`,
      });
    else tools.set(ref, [...(tools.get(ref) ?? []), document]);
  }
  return { plain, tools, problems, unchecked };
}

/** The schema as it is for policies about one tool; undefined: it has no type of a call. */
export function schemaFor(json: unknown, { attributes }: ToolArguments): SchemaJson<string> | undefined {
  const schema = structuredClone(json) as Record<
    string,
    { commonTypes?: Record<string, { type?: string; attributes?: Record<string, unknown> }> }
  >;
  const call = schema['ATF']?.commonTypes?.['Call'];
  if (call?.attributes === undefined) return undefined;
  call.attributes['args'] = { type: 'Record', attributes, required: true };
  return schema as unknown as SchemaJson<string>;
}

function has(attributes: Attributes, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const found = Object.hasOwn(attributes, first) ? attributes[first] : undefined;
  if (found === undefined || rest.length === 0) return found !== undefined;
  return has(found.attributes ?? {}, rest);
}

/**
 * The first argument that the policy asks for and the tool has not. Cedar takes `context.args has x` for any x: such a policy would never apply, and a gateway
 * refuses every call that it is asked about.
 */
export const unknownArgument = (
  document: PolicyDocument,
  { attributes }: ToolArguments,
): string | undefined =>
  readsOf(document.json)
    .args?.find((path) => !has(attributes, path))
    ?.join('.');

/** What to add to a complaint about an argument that the tool has and that has no type. */
export function leftOutWords(document: PolicyDocument, { leftOut }: ToolArguments): string {
  const named = (readsOf(document.json).args ?? [])
    .map((path) => path.join('.'))
    .filter((path) => Object.hasOwn(leftOut, path));
  return named.map((path) => `; ${path} has no type in policies: ${leftOut[path]}`).join('');
}
