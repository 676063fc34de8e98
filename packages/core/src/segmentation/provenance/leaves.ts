/**
 * Room: segmentation (S-4, D-1). What a tool returned, taken apart: a value that is a field of structured output says less about who wrote it than a sentence
 * does. Structured content of MCP is structure; a text is one when the whole of it is JSON, or YAML of more than one line. Everything else is text, and so is
 * what a tool read out of a document, whose writer could give it any form. Names of fields are no values. Pure, total and bounded.
 */
import { isJsonObject, type Json } from '../../wire/json.ts';
import { parseStrictYaml } from '../../wire/strict-yaml.ts';
import { wordSet, wordsOf } from '../classify.ts';
import { kindOf } from '../offer.ts';

/** Characters of one result that are looked at for structure; what is beyond is text. YAML costs more to read. */
const structuredMax = 131_072;
const yamlMax = 32_768;
const depthMax = 64;

interface Budget {
  json: number;
  yaml: number;
}

const spend = (budget: Budget, of: keyof Budget, characters: number): boolean => {
  if (budget[of] < characters) return false;
  budget[of] -= characters;
  return true;
};

/** One pair of words with a colon between them is a sentence as well. */
const isRecord = (value: Json): boolean =>
  Array.isArray(value) || (isJsonObject(value) && Object.keys(value).length > 1);

function structureOf(text: string, budget: Budget): Json | undefined {
  const beginning = text.trimStart();
  if (/^[[{"]/.test(beginning) && spend(budget, 'json', text.length)) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      // It may still be YAML, which begins alike.
    }
  }
  // A list of one word is one line; any other single line is a sentence as well.
  const looksLike = /^(?:- |[\w"' -]{1,80}:(?: |\r?\n|$))/.test(beginning);
  const oneLine = !text.trim().includes('\n');
  if (!looksLike || (oneLine && !/^- \S{1,64}$/.test(text.trim())) || !spend(budget, 'yaml', text.length))
    return undefined;
  const read = parseStrictYaml(text, yamlMax * 4, 'failsafe');
  return read.ok && isRecord(read.value) ? read.value : undefined;
}

function collect(value: Json, into: string[], depth = 0): void {
  if (value === null || depth > depthMax) return;
  if (Array.isArray(value)) for (const item of value) collect(item, into, depth + 1);
  else if (isJsonObject(value)) for (const item of Object.values(value)) collect(item, into, depth + 1);
  else into.push(String(value));
}

/** Every string and number of arguments, and every name of a member. */
export function stringsOf(value: Json): string[] {
  const found: string[] = [];
  const walk = (each: Json, depth: number): void => {
    if (each === null || depth > depthMax) return;
    if (Array.isArray(each)) for (const item of each) walk(item, depth + 1);
    else if (isJsonObject(each)) {
      for (const [name, item] of Object.entries(each)) {
        found.push(name);
        walk(item, depth + 1);
      }
    } else found.push(String(each));
  };
  walk(value, 0);
  return found;
}

/** Bytes of an image say nothing that could be compared. */
const bytes = new Set(['data', 'blob', 'mimeType', '_meta', 'type']);

/** What stands in a result: values that are fields, and texts. */
export interface Leaves {
  readonly fields: string[];
  readonly texts: string[];
}

/** Takes the result of a call apart, whichever kind of result of MCP it is. `document`: no text of it is structure. */
export function leavesOf(result: Json, document = false): Leaves {
  const fields: string[] = [];
  const texts: string[] = [];
  const budget: Budget = { json: structuredMax, yaml: yamlMax };
  const { content, structuredContent, ...rest } = isJsonObject(result) ? result : { rest: result };
  for (const item of Array.isArray(content) ? content : [content ?? null]) {
    const text = isJsonObject(item) ? item['text'] : undefined;
    const structure = typeof text === 'string' && !document ? structureOf(text, budget) : undefined;
    if (structure !== undefined) collect(structure, fields);
    else if (isJsonObject(item))
      collect(Object.fromEntries(Object.entries(item).filter(([name]) => !bytes.has(name))), texts);
    else collect(item, texts);
  }
  collect(structuredContent ?? null, fields);
  for (const [name, value] of Object.entries(rest)) if (name !== '_meta') collect(value as Json, texts);
  return { fields, texts };
}

const reading = wordSet(
  'get read fetch open download load cat view show visit browse retrieve extract crawl scrape',
);
const documents = wordSet(
  'file webpage page website site url uri html document doc pdf text content contents attachment body resource article note email mail message comment issue post review ticket log',
);

/** Whether a tool, by its name, hands out what stands in a document: the one thing whose form, too, is its writer's. Resources and prompts do. */
export function readsDocuments(tool: string): boolean {
  if (kindOf(tool) !== 'tool') return true;
  const words = wordsOf(tool);
  return words.some((word) => reading.has(word)) && words.some((word) => documents.has(word));
}
