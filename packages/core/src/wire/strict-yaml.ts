/**
 * YAML for files that people write (manifests, settings; I-3, D-1) and for what tools return, read as strictly as JSON: one document, core schema,
 * no tags, no anchors or aliases (a few lines of them expand to gigabytes), no duplicate keys, no dates, bounded.
 */
import { isAlias, isNode, parseDocument, visit } from 'yaml';
import { type Json, jsonBoundsDefault, parseStrictText } from './json.ts';

/** Nesting of collections; the parser recurses. */
const depthMax = 32;
const depthHintPattern = /[[{]/g;
/** Opening flow brackets in one file: bounds recursion before the parser sees it. */
const flowOpeningsMax = 2_000;

export type YamlParsed =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly problem: string };

const refused = (problem: string): YamlParsed => ({ ok: false, problem });

/** Leading spaces bound how deep block collections can nest. */
function nestsTooDeep(text: string): boolean {
  if ((text.match(depthHintPattern)?.length ?? 0) > flowOpeningsMax) return true;
  return text.split('\n').some((line) => {
    const dashes = line.match(/^(?:\s|- |\? |: )*/)?.[0] ?? '';
    return dashes.replace(/ /g, '').length > depthMax || dashes.length > depthMax * 8;
  });
}

/** Plain data of a document, or undefined for what JSON cannot say (infinity, not a number, integers that round). */
function representable(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  if (Array.isArray(value)) return value.every(representable);
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value).every(representable);
}

/** Reads one YAML document. Never throws. Problems name places, not content. */
export function parseStrictYaml(
  text: string,
  bytesMax: number,
  /** `failsafe`: every scalar is the text that stands there. */
  schema: 'core' | 'failsafe' = 'core',
): YamlParsed {
  if (Buffer.byteLength(text) > bytesMax) return refused(`longer than ${bytesMax} bytes`);
  if (nestsTooDeep(text)) return refused('nested too deep');
  try {
    // Not `silent`: the library then keeps quiet about further documents in the same text.
    const document = parseDocument(text, {
      version: '1.2',
      schema,
      strict: true,
      uniqueKeys: true,
      merge: false,
      logLevel: 'error',
    });
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault !== undefined) {
      const line = fault.linePos?.[0].line;
      return refused(`${fault.code}${line === undefined ? '' : ` at line ${line}`}`);
    }
    let problem: string | undefined;
    visit(document, (_key, node) => {
      if (isAlias(node) || (isNode(node) && 'anchor' in node && node.anchor !== undefined))
        problem = 'anchors and aliases are not accepted';
      // Only tags that stand in the text are kept on the nodes.
      else if (isNode(node) && node.tag !== undefined) problem = 'tags are not accepted';
      return problem === undefined ? undefined : visit.BREAK;
    });
    if (problem !== undefined) return refused(problem);
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    if (!representable(value)) return refused('a value that JSON cannot say');
    const parsed = parseStrictText(JSON.stringify(value), { ...jsonBoundsDefault, depthMax });
    return parsed.ok ? parsed : refused(parsed.problem);
  } catch {
    // The library throws for nesting that exhausts the stack.
    return refused('it cannot be read');
  }
}
