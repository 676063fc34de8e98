/** One step of a JSON Pointer (RFC 6901), and the name that it stands for. */
export const pointerStep = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
export const pointerName = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
