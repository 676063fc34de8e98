/**
 * Room: segmentation (S-4, D-1). What a tool returned, taken apart: a value that is a field of structured output says less about who wrote it than
 * a sentence does. JSON and YAML count as structure when the whole text is that; everything else is one text, and so is what a tool read out of a document, whose
 * writer could give it any form. Names of fields are no values. Pure, total and bounded.
 */
import { parseStrictYaml } from '../../wire/strict-yaml.ts';
import { isJsonObject, type Json } from '../../wire/json.ts';
import { wordsOf } from '../classify.ts';

/** Characters of one text that are looked at for structure; a longer one is text. */
const structuredMax = 131_072;
const yamlMax = 32_768;
const depthMax = 64;

/** Members of results (MCP) that say how something is to be shown, not what it says, or that hold bytes. */
const unread = new Set(['_meta', 'type', 'mimeType', 'annotations', 'blob', 'data', 'icons']);

function structureOf(text: string): Json | undefined {
  if (text.length > structuredMax) return undefined;
  const beginning = text.trimStart();
  if (/^[[{"]/.test(beginning)) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      // It may still be YAML, which begins alike.
    }
  }
  if (!/^(?:- |[\w"' -]{1,80}:(?: |\r?\n|$))/.test(beginning) || text.length > yamlMax) return undefined;
  const read = parseStrictYaml(text, yamlMax * 4, 'failsafe');
  return read.ok && typeof read.value === 'object' ? read.value : undefined;
}

function collect(value: Json, into: string[], depth: number): void {
  if (value === null || depth > depthMax) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, into, depth + 1);
  } else if (isJsonObject(value)) {
    for (const item of Object.values(value)) collect(item, into, depth + 1);
  } else into.push(String(value));
}

/** The values in one text: those of its structure, or the text. */
function valuesOf(text: string, into: string[]): void {
  const structure = structureOf(text);
  if (structure === undefined) into.push(text);
  else collect(structure, into, 0);
}

function walk(value: Json, document: boolean, into: string[], depth: number): void {
  if (value === null || depth > depthMax) return;
  if (typeof value === 'string') {
    if (document) into.push(value);
    else valuesOf(value, into);
  } else if (Array.isArray(value)) {
    for (const item of value) walk(item, document, into, depth + 1);
  } else if (isJsonObject(value)) {
    for (const [name, item] of Object.entries(value))
      if (!unread.has(name)) walk(item, document, into, depth + 1);
  } else into.push(String(value));
}

/** The values in the result of a call, whichever kind of result of MCP it is: contents, structured content, messages of a prompt. */
export function leavesOf(result: Json, document = false): string[] {
  const found: string[] = [];
  walk(result, document, found, 0);
  return found;
}

const reading = new Set(
  'get read fetch open download load cat view show visit browse retrieve extract crawl scrape'.split(' '),
);
const documents = new Set(
  'file webpage page website site url uri html document doc pdf text content contents attachment body resource article note'.split(
    ' ',
  ),
);

/** Whether a tool, by its name, hands out what stands in a document: the one thing whose form, too, is its writer's. */
export function readsDocuments(tool: string): boolean {
  const words = wordsOf(tool);
  return words.some((word) => reading.has(word)) && words.some((word) => documents.has(word));
}
