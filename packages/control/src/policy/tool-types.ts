/**
 * Room: policy (S-1, S-4). The arguments of registered tools as Cedar types: what `context.args` is in a policy about one tool. From the definition that a person
 * accepted; read by lint, plan and apply, and shown by `atf policy schema`.
 */
import { type ArgumentMember, type ArgumentType, argumentTypes } from '@atf/core/segmentation/argument-types';
import { attributesOf } from '@atf/core/segmentation/bound-types';
import type { PolicyFile, ToolArguments } from './cedar-messages.ts';

type Members = ReadonlyMap<string, ArgumentMember>;

export const toolArguments = (definition: Readonly<Record<string, unknown>>): ToolArguments => ({
  attributes: attributesOf(definition),
  leftOut: Object.fromEntries(argumentTypes(definition).leftOut),
});

const plainName = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const keywords = new Set(
  'true false if then else in is like has __cedar namespace entity type action appliesTo principal resource context attributes tags enum'.split(
    ' ',
  ),
);

/** Names are those of tool servers: what is not plain is written as its number, in Cedar's form, so that it shows as what it is. */
const plainly = (text: string): string =>
  text.replaceAll(/[^ -~]/gu, (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`);
const quoted = (text: string): string => `"${plainly(text.replaceAll(/["\\]/g, '\\$&'))}"`;

const textType = (type: ArgumentType, indent: string): string => {
  if (type.kind === 'Record') return recordText(type.members, indent);
  return type.kind === 'Set' ? `Set<${type.of}>` : type.kind;
};

const recordText = (members: Members, indent: string): string => {
  if (members.size === 0) return '{}';
  const lines = [...members].map(([name, { type, required }]) => {
    const shown = plainName.test(name) && !keywords.has(name) ? name : quoted(name);
    return `${indent}  ${shown}${required ? '' : '?'}: ${textType(type, `${indent}  `)},\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
};

/** Letters, digits and underscores, as names of types are; a short digest keeps two tools apart. */
export function typeName(ref: string, digest: string): string {
  const plain = ref.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(0, 80);
  return `Args_${plain}_${digest.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 6)}`;
}

export interface TypedTool {
  readonly ref: string;
  readonly name: string;
  readonly text: string;
  readonly arguments: ToolArguments;
}

/** One type in Cedar's schema language, with what it is for and what it leaves out. */
export function typedTool(
  ref: string,
  definition: Readonly<Record<string, unknown>>,
  digest: string,
): TypedTool {
  const { members, leftOut } = argumentTypes(definition);
  const name = typeName(ref, digest);
  const notes = [
    `context.args where resource == ATF::Tool::${quoted(ref)}`,
    ...[...leftOut].map(([path, why]) => `${quoted(path)} has no type here: ${why}`),
  ];
  const comments = notes.map((note) => `// ${note}\n`).join('');
  return {
    ref,
    name,
    text: `${comments}type ${name} = ${recordText(members, '')};\n`,
    arguments: toolArguments(definition),
  };
}

/** The whole schema as it is for policies about one tool. */
export const schemaAbout = (schema: string, { name, text }: TypedTool): string =>
  `${schema.replace(/(type\s+Call\s*=\s*\{)/, `$1\n    args: ${name},`).trimEnd()}\n\n${text}`;

const toolPattern = /ATF::Tool::"((?:[^"\\\n]|\\.){1,300})"/g;

const serverPattern = /ATF::Server::"([a-z0-9][a-z0-9_-]{0,63})"/g;

/** Names of tools and servers. */
export interface Named {
  readonly tools: readonly string[];
  readonly servers: readonly string[];
}

/** What policies name. */
export function namedIn(files: readonly PolicyFile[]): Named {
  const all = (pattern: RegExp) => {
    const names = files.flatMap(({ name, text }) =>
      name.endsWith('.cedar') ? [...text.matchAll(pattern)].map(([, found = '']) => found) : [],
    );
    return [...new Set(names)];
  };
  return { tools: all(toolPattern), servers: all(serverPattern) };
}
