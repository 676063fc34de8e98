/**
 * Room: policy (S-1). Keeps integer literals exact on the way from Cedar text to Cedar's JSON form.
 *
 * Cedar's Long has 64 bits, but its wasm hands JSON over as JS numbers and rounds beyond 2^53: `9007199254740993` would be
 * enforced as `…992`. So such literals are hidden from the conversion behind a marker entity, and the JSON then says them
 * as `high * 2^32 + low`, which is plain Cedar, safe in JSON, and exactly equal.
 */

const HIGH_BITS = 32n;
const LONG_MIN_MAGNITUDE = 2n ** 63n;

interface Literal {
  readonly start: number;
  readonly end: number;
  readonly digits: bigint;
}

/** Strings, comments, words and numbers of Cedar text; words may hold digits, so they are matched whole. */
const TOKEN = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|[_a-zA-Z][_a-zA-Z0-9]*|[0-9]+/gs;

const unsafeLiterals = (text: string): readonly Literal[] => {
  const literals: Literal[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    if (!/^[0-9]/.test(token)) continue;
    const digits = BigInt(token);
    if (digits <= BigInt(Number.MAX_SAFE_INTEGER)) continue;
    literals.push({ start: match.index, end: match.index + token.length, digits });
  }
  return literals;
};

/** A type name that the text does not use. */
const unusedTypeName = (text: string): string => {
  let name = 'AtfLong';
  while (text.includes(name)) name += '_';
  return name;
};

export interface MarkedText {
  readonly text: string;
  /** Type of the marker entities; undefined when the text needed none. */
  readonly marker: string | undefined;
}

/**
 * Replaces integers beyond 2^53 in valid policy text by `Marker::"integer"`. `-9223372036854775808` is one literal,
 * because its magnitude alone is none.
 */
export const markUnsafeLiterals = (text: string): MarkedText => {
  const literals = unsafeLiterals(text);
  if (literals.length === 0) return { text, marker: undefined };
  const marker = unusedTypeName(text);
  let marked = '';
  let copied = 0;
  for (const { start, end, digits } of literals) {
    const before = text.slice(copied, start);
    const minus = digits === LONG_MIN_MAGNITUDE ? before.lastIndexOf('-') : -1;
    marked += minus === -1 ? before : before.slice(0, minus);
    marked += `${marker}::"${minus === -1 ? '' : '-'}${digits}"`;
    copied = end;
  }
  return { text: marked + text.slice(copied), marker };
};

const exactly = (integer: bigint): unknown => {
  const high = integer >> HIGH_BITS;
  const low = integer - (high << HIGH_BITS);
  const shifted = { '*': { left: { Value: Number(high) }, right: { Value: Number(1n << HIGH_BITS) } } };
  return { '+': { left: shifted, right: { Value: Number(low) } } };
};

const markedInteger = (json: object, marker: string): bigint | undefined => {
  const value = (json as { Value?: { __entity?: { type?: unknown; id?: unknown } } }).Value;
  const uid = typeof value === 'object' && value !== null ? value.__entity : undefined;
  return uid?.type === marker && typeof uid.id === 'string' ? BigInt(uid.id) : undefined;
};

/** Puts the integers back, as arithmetic, into the JSON form of marked text. */
export const restoreLiterals = (json: unknown, marker: string | undefined): unknown => {
  if (marker === undefined || typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map((item) => restoreLiterals(item, marker));
  const integer = markedInteger(json, marker);
  if (integer !== undefined) return exactly(integer);
  return Object.fromEntries(
    Object.entries(json).map(([name, item]) => [name, restoreLiterals(item, marker)]),
  );
};
