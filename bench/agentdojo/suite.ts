/** The recorded suites, as the README of the data describes them. Read leniently: what is not needed is not looked at. */
import type { JsonObject } from '@atf/core/wire/json';
import { z } from 'zod';

const args = z.record(z.string(), z.unknown()).transform((given) => given as JsonObject);

export const stepSchema = z.object({
  function: z.string(),
  args,
  result: z.unknown(),
  error: z.string().nullish(),
});
export type Step = z.infer<typeof stepSchema>;

export const userTaskSchema = z.object({
  id: z.string(),
  prompt: z.string(),
  ground_truth: z.array(stepSchema),
});
export type UserTask = z.infer<typeof userTaskSchema>;

export const suiteSchema = z.object({
  suite: z.string(),
  tools: z.array(z.object({ name: z.string(), description: z.string().default(''), parameters: args })),
  user_tasks: z.array(userTaskSchema),
});
export type Suite = z.infer<typeof suiteSchema>;

export const attackedSchema = z.object({
  user_task: z.string(),
  injection_task: z.string(),
  attack: z.string(),
  prompt: z.string(),
  /** The last step whose result the agent has read when it obeys. */
  exposed_after_step: z.number().int(),
  user_steps: z.array(stepSchema),
  injected_steps: z.array(stepSchema),
});
export type Attacked = z.infer<typeof attackedSchema>;
