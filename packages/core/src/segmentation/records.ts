/**
 * Room: segmentation (S-5). How many records the result of a call hands out: the items of its lists, of lists within lists the larger count, one where there is no list.
 * Structured content and text are looked at alike; a text counts when the whole of it is JSON, or line by line when each line is; other text is one record. Pure
 * and bounded by the size of the result.
 */
import { isJsonObject, type Json } from '../wire/json.ts';

/** Lists deeper than this belong to a record. */
const depthMax = 6;

/** Items of the lists within a value; 0: it has none. */
function inLists(value: Json, depth = 0): number {
  if (depth > depthMax || value === null || typeof value !== 'object') return 0;
  const parts = Array.isArray(value) ? value : Object.values(value);
  const within = parts.reduce<number>((sum, each) => sum + inLists(each as Json, depth + 1), 0);
  return Array.isArray(value) ? Math.max(value.length, within) : within;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function inText(text: string): number {
  if (!/^\s*[[{]/.test(text)) return 1;
  const whole = parsed(text);
  if (whole !== undefined) return Array.isArray(whole) ? inLists(whole) : Math.max(1, inLists(whole));
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 1 && lines.every((line) => /^\s*[[{]/.test(line)) ? lines.length : 1;
}

function inParts(parts: readonly Json[]): number {
  return parts.reduce<number>((sum, part) => {
    const text = isJsonObject(part) ? part['text'] : undefined;
    return sum + (typeof text === 'string' ? inText(text) : 1);
  }, 0);
}

function inStructure(value: Json): number {
  const { body, ...others } = isJsonObject(value) ? value : { body: undefined };
  const rest = inLists(others as Json);
  if (typeof body === 'string') return Math.max(rest, inText(body));
  const all = inLists(value);
  const empty = isJsonObject(value) && Object.values(value).some((each) => Array.isArray(each));
  return all > 0 || empty || (Array.isArray(body) && body.length === 0) ? all : 1;
}

/** Records in a result of MCP (`content`, `structuredContent`, `contents`, `messages`), the larger count of its parts. An empty list holds none. */
export function recordsIn(result: Json): number {
  if (!isJsonObject(result)) return 1;
  const { structuredContent, content, contents } = result;
  const parts = Array.isArray(content) ? content : Array.isArray(contents) ? contents : undefined;
  const structured = isJsonObject(structuredContent) ? inStructure(structuredContent) : undefined;
  if (parts === undefined) return structured ?? 1;
  // The usual text beside structured content says the same once more; no list there is no second record.
  const text = inParts(parts);
  if (structured === undefined) return text;
  return text > parts.length || structured > 1 ? Math.max(structured, text) : structured;
}
