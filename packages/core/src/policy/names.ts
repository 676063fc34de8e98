/** Room: policy (S-1). Which texts are names of entity types. Source: Cedar grammar, `Path` and `IDENT`. */

const TYPE_NAME_FORM = /^[_a-zA-Z][_a-zA-Z0-9]*(?:::[_a-zA-Z][_a-zA-Z0-9]*)*$/;
const RESERVED_WORDS = new Set(['true', 'false', 'if', 'then', 'else', 'in', 'is', 'like', 'has', '__cedar']);

/** Characters of one entity type name or entity id. */
export const NAME_LENGTH_MAX = 1_024;

/** `Name(::Name)*` of identifiers that are not reserved words, at most `NAME_LENGTH_MAX` characters. */
export const isEntityTypeName = (text: string): boolean =>
  text.length <= NAME_LENGTH_MAX &&
  TYPE_NAME_FORM.test(text) &&
  text.split('::').every((part) => !RESERVED_WORDS.has(part));

/** Text of whole Unicode characters: Cedar strings are UTF-8 and cannot hold a lone surrogate. */
export const isEntityId = (text: string): boolean => text.length <= NAME_LENGTH_MAX && text.isWellFormed();
