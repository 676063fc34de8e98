/** In place of core's `data/schema.ts`: the same function, which compiles equal schemas once for all runs. Compiling is pure, and a third of a run's time. */
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import { vi } from 'vitest';

type Schemas = typeof import('../../packages/core/src/data/schema.ts');
const real = await vi.importActual<Schemas>('../../packages/core/src/data/schema.ts');
const compiled = new Map<string, ReturnType<Schemas['compileSchema']>>();

export const { schemaProblems, schemaBytesMax } = real;

export function compileSchema(schema: JsonObject): ReturnType<Schemas['compileSchema']> {
  const text = canonicalJson(schema);
  if (!compiled.has(text)) compiled.set(text, real.compileSchema(schema));
  return compiled.get(text);
}
