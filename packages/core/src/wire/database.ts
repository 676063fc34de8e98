/**
 * What is said of databases behind tools (S-1): by the person who classifies a tool, which database reads its SQL; by a manifest, which tables the agent may
 * use and how. Names are written as the database keeps them, without quotes: `orders`, `public.orders`, `Order Items`.
 */
import { z } from 'zod';
import { outputTrustSchema, sensitivitySchema, toolRefSchema } from './words.ts';

/** Whose reading of SQL counts. What another database would read differently is refused, not guessed. */
export const dialects = ['postgresql', 'mysql', 'sqlite'] as const;
export type Dialect = (typeof dialects)[number];

export const tableOperations = ['read', 'insert', 'update', 'delete'] as const;
export type TableOperation = (typeof tableOperations)[number];

/** Characters of one name: no dot and no quote, so that `schema.table` says one thing. */
export const sqlNamePattern = /^[\p{L}\p{N}_$ -]{1,63}$/u;
const sqlNameSchema = z.string().regex(sqlNamePattern, 'a name as the database keeps it, without quotes');
export const tableNameSchema = z
  .string()
  .max(127)
  .refine((name) => {
    const parts = name.split('.');
    return parts.length <= 2 && parts.every((part) => sqlNamePattern.test(part));
  }, 'a table as the database keeps it, without quotes: orders or public.orders');

/** Every column of a table, those of tomorrow too. */
export const allColumns = '*';
const columnsSchema = z.union([
  z.literal('all'),
  z
    .array(sqlNameSchema)
    .min(1)
    .max(200)
    .refine((names) => new Set(names).size === names.length, 'a column is listed twice'),
]);
/** `[read, insert]` gives all columns; `{read: [id, name]}` gives those. What is not listed is refused. */
export const tableRightsSchema = z.union([
  z
    .array(z.enum(tableOperations))
    .min(1)
    .max(tableOperations.length)
    .refine((given) => new Set(given).size === given.length, 'an operation is listed twice'),
  z
    .strictObject({
      read: columnsSchema.optional(),
      insert: columnsSchema.optional(),
      update: columnsSchema.optional(),
      delete: z.literal('all').optional(),
    })
    .refine((given) => Object.keys(given).length > 0, 'no operation is listed'),
]);
export type TableRights = z.infer<typeof tableRightsSchema>;

/** The columns that a right gives for an operation; undefined: none. */
export function columnsOf(
  rights: TableRights,
  operation: TableOperation,
): readonly string[] | 'all' | undefined {
  if (Array.isArray(rights)) return rights.includes(operation) ? 'all' : undefined;
  return (rights as Exclude<TableRights, readonly unknown[]>)[operation];
}

const tablesMax = 500;
/** The tables that an agent may use through one tool. */
export const databaseRightsSchema = z.strictObject({
  tool: toolRefSchema,
  tables: z
    .record(tableNameSchema, tableRightsSchema)
    .refine((tables) => Object.keys(tables).length <= tablesMax, `more than ${tablesMax} tables`),
});
export type DatabaseRights = z.infer<typeof databaseRightsSchema>;

/** What a person says of one table; what is not said is as the tool is. */
const classifiedTableSchema = z
  .strictObject({ sensitivity: sensitivitySchema.optional(), outputTrust: outputTrustSchema.optional() })
  .refine((said) => Object.keys(said).length > 0, 'nothing is said of it');
export type ClassifiedTable = z.infer<typeof classifiedTableSchema>;

/** What a person says of the database behind a tool whose argument is SQL. */
export const databaseSchema = z.strictObject({
  dialect: z.enum(dialects),
  /** The schema in which the database finds a table without one; absent: `orders` and `public.orders` are two names. */
  schema: sqlNameSchema.optional(),
  /** Functions and types besides the usual ones that compute and touch nothing else, in lower case. */
  functions: z
    .array(z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/))
    .max(200)
    .optional(),
  /** Tables that are classified apart (segmentation/sql/table-classes.ts). */
  tables: z
    .record(tableNameSchema, classifiedTableSchema)
    .refine((tables) => Object.keys(tables).length <= tablesMax, `more than ${tablesMax} tables`)
    .optional(),
});
export type Database = z.infer<typeof databaseSchema>;

/** What a statement does to one table. */
export const tableUseSchema = z.strictObject({
  table: z.string().max(130),
  operation: z.enum(tableOperations),
  /** Columns that it names, sorted; {@link allColumns} for every one; empty where it names none, as in `count(*)`. */
  columns: z.array(z.string().max(63)).max(200),
});
export type TableUse = z.infer<typeof tableUseSchema>;

/**
 * What is known of the SQL of a call: what it does to which tables; or why that cannot be said. `any`: the question is about the tool, not about one statement.
 * Never a literal of the statement.
 */
export const queryFactSchema = z.discriminatedUnion('verdict', [
  z.strictObject({ verdict: z.literal('any') }),
  z.strictObject({ verdict: z.literal('read'), uses: z.array(tableUseSchema).max(64) }),
  z.strictObject({
    verdict: z.literal('refused'),
    code: z.enum(['segmentation.query_unreadable', 'segmentation.query_not_governed']),
    problem: z.string().max(300),
  }),
]);
export type QueryFact = z.infer<typeof queryFactSchema>;
