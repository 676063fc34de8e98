/** What policies may speak about, over HTTP: the schema of the set in force, and the arguments of registered tools as types. Shapes and route; joined into the table by `api.ts`. */
import { z } from 'zod';
import { text } from './shapes.ts';
import { actionClassSchema, toolRefSchema } from './words.ts';

/** Tools of one page. */
export const typedToolsMax = 200;

const typedToolSchema = z.object({
  tool: text(400),
  /** Name of the type in the text; policies do not need it. */
  type: text(200),
  /** In Cedar's schema language, with what it leaves out as comments. */
  text: z.string(),
  /** Attributes of the record in Cedar's JSON form. */
  attributes: z.record(z.string(), z.unknown()),
  /** Arguments that policies cannot ask about, with the reason. */
  leftOut: z.record(z.string(), z.string()),
  /** The class of every call of it; absent where each call has its own (a query). */
  class: actionClassSchema.optional(),
  /** Of a changed tool: the same of the definition on offer, which policies may be written for before it is accepted. */
  offered: z
    .object({ attributes: z.record(z.string(), z.unknown()), leftOut: z.record(z.string(), z.string()) })
    .optional(),
});
export type TypedToolView = z.infer<typeof typedToolSchema>;

export const policySchemaRoutes = {
  'policy.schema': {
    method: 'GET',
    path: '/v1/policy/schema',
    auth: 'person',
    summary:
      'What policies may speak about: the schema in force, and the arguments of tools as types, a page of tools at a time',
    query: z.object({
      /** Only this tool; the text is then the whole schema for policies about it. */
      tool: toolRefSchema.optional(),
      /** The tools behind this one. */
      after: toolRefSchema.optional(),
    }),
    response: z.object({
      /** `schema.cedarschema` of the set in force; with `tool`: with `context.args` of that tool in it. */
      schema: z.string(),
      /** Tools that a person has accepted. */
      tools: z.array(typedToolSchema),
      next: text(400).optional(),
    }),
  },
} as const;
