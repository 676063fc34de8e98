/**
 * Text in its compatibility form (Unicode NFKC), in a time that is linear in its length whatever stands in it. A run of marks is put into order by the
 * platform in a time that is quadratic in it, so beyond thirty (UAX #15, stream-safe text) they are left out; the two ligatures that become a whole sentence are
 * left out too.
 */
const ascii = /^[\u0000-\u007f]*$/;
const sentences = /[\ufdfa\ufdfb]/g;
/** The last two become marks. */
const marks = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;

export const compatibleForm = (text: string): string =>
  ascii.test(text) ? text : text.replace(sentences, ' ').replace(marks, '$1').normalize('NFKC');
