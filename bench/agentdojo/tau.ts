/** tau-bench: benign calls without results, so only rights, limits and classification are measured: how many would be refused, and how many ask a person. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@atf/core/wire/json';
import { z } from 'zod';
import { policyOf } from './policies.ts';
import { suiteSchema } from './suite.ts';
import { toolsOf } from './tools.ts';
import { Trace } from './trace.ts';

const taskSchema = z.object({
  instruction: z.string(),
  actions: z.array(
    z.object({
      name: z.string(),
      kwargs: z.record(z.string(), z.unknown()).transform((given) => given as JsonObject),
    }),
  ),
});
const toolsSchema = z.record(z.string(), z.array(z.record(z.string(), z.unknown())));

interface Counts {
  tasks: number;
  ran: number;
  asked: number;
  refused: number;
}

export interface TauResult {
  readonly says: string;
  readonly raw: Readonly<Record<'alone' | 'withTask', Counts>>;
}

/** Every `tasks.DOMAIN_*.json` beside `tools.json`. */
export async function runTau(folder: string): Promise<TauResult | undefined> {
  const path = join(folder, 'tools.json');
  if (!existsSync(path)) return undefined;
  const tools = toolsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const policy = await policyOf('default');
  const counts = (): Counts => ({ tasks: 0, ran: 0, asked: 0, refused: 0 });
  const raw = { alone: counts(), withTask: counts() };
  for (const file of readdirSync(folder).filter((name) => /^tasks\..*\.json$/.test(name))) {
    const domain = Object.keys(tools).find((name) => file.startsWith(`tasks.${name}`));
    if (domain === undefined) continue;
    const suite = suiteSchema.parse({ suite: domain, tools: tools[domain], user_tasks: [] });
    const setting = { server: domain, tools: toolsOf(suite, undefined), policy, afterRead: false };
    for (const task of z.array(taskSchema).parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))) {
      await runTask(new Trace(setting, undefined), task.actions, raw.alone);
      await runTask(new Trace(setting, task.instruction), task.actions, raw.withTask);
    }
  }
  const said = ({ ran, asked, refused }: Counts) =>
    `${ran} ran, ${asked} asked a person, ${refused} were refused`;
  const { alone, withTask } = raw;
  const calls = alone.ran + alone.asked + alone.refused;
  const says = `tau-bench, ${alone.tasks} benign tasks of ${calls} calls without results, automatic classification: without a task ${said(alone)}; with the customer's words as the task ${said(withTask)}`;
  return { says, raw };
}

async function runTask(
  trace: Trace,
  actions: z.infer<typeof taskSchema>['actions'],
  into: Counts,
): Promise<void> {
  into.tasks++;
  for (const { name, kwargs } of actions)
    into[(await trace.step({ function: name, args: kwargs, result: '{}' }, true)).is]++;
}
