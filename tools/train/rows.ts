/** The rows to train on, read from a folder of data sets, and which of them train, set thresholds, or are kept for measuring. */
import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

export interface Row {
  /** Which collection it comes from. */
  readonly source: string;
  readonly label: 0 | 1;
  readonly text: string;
}

const labelSchema = z.union([z.literal(0), z.literal(1)]);
const injectionSchema = z
  .object({ src: z.string(), label: labelSchema, text: z.string() })
  .transform(({ src, label, text }): Row => ({ source: src, label, text }));
const toxicitySchema = z
  .object({ set: z.string(), label: labelSchema, text: z.string() })
  .transform(({ set, label, text }): Row => ({ source: set, label, text }));
const smokeSchema = z
  .object({ class: z.string(), label: labelSchema, text: z.string() })
  .transform((row): Row => ({ source: row.class, label: row.label, text: row.text }));

/** Undefined when there is no such file. */
function read<T>(path: string, schema: z.ZodType<T>): T[] | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => schema.parse(JSON.parse(line)));
}

/** As the product gives texts to a model. */
const normalised = (row: Row): Row => ({ ...row, text: row.text.normalize('NFKC') });

export interface Data {
  readonly injection: readonly Row[];
  readonly toxicity: readonly Row[];
  /** Only ever measured. */
  readonly smoke: readonly Row[];
  readonly agentDojo: readonly Row[];
}

/** @throws when the folder has not the collections that are trained on */
export function readData(folder: string): Data {
  const need = <T>(path: string, schema: z.ZodType<T>): T[] => {
    const rows = read(join(folder, path), schema);
    if (rows === undefined)
      throw new Error(`${join(folder, path)} is missing; name the data with --data DIR`);
    return rows;
  };
  return {
    injection: need('injection/train.jsonl.gz', injectionSchema).map(normalised),
    toxicity: need('toxicity/davidson-train.jsonl.gz', toxicitySchema).map(normalised),
    smoke: (read(join(folder, 'injection/dev-smoke.jsonl'), smokeSchema) ?? []).map(normalised),
    agentDojo: agentDojo(folder).map(normalised),
  };
}

const stepSchema = z.object({ result: z.unknown() });
const suiteSchema = z.object({
  user_tasks: z.array(z.object({ prompt: z.string(), ground_truth: z.array(stepSchema) })),
});
const attackedSchema = z.object({ exposed_after_step: z.int(), user_steps: z.array(stepSchema) });

/** What tools answered there: harmless, and with an attack in it; and what people asked for. */
export function agentDojo(folder: string): Row[] {
  const rows = new Map<string, Row>();
  const add = (source: string, label: 0 | 1, text: unknown) => {
    if (typeof text === 'string' && text.length > 0) rows.set(`${source} ${text}`, { source, label, text });
  };
  for (const suite of ['workspace', 'slack']) {
    const path = join(folder, 'agentdojo', `${suite}.json`);
    if (!existsSync(path)) continue;
    for (const task of suiteSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).user_tasks) {
      add('agentdojo prompts', 0, task.prompt);
      for (const { result } of task.ground_truth) add('agentdojo results', 0, result);
    }
    for (const task of read(join(folder, 'agentdojo', `${suite}.attacked.jsonl.gz`), attackedSchema) ?? [])
      add('agentdojo attacked results', 1, task.user_steps[task.exposed_after_step]?.result);
  }
  return [...rows.values()];
}

export function digestOf(rows: readonly Row[]): string {
  return hash('sha256', rows.map((row) => JSON.stringify([row.source, row.label, row.text])).join('\n'));
}

/** A fixed share of the rows of a collection, by their text alone. */
export function inShare(row: Row, share: number): boolean {
  return Number.parseInt(hash('sha256', row.text).slice(0, 8), 16) / 2 ** 32 < share;
}
