/**
 * Transaction limits (S-4): the largest impact of one call, and the human checkpoints that an amount triggers. Amounts are compared in
 * hundredths of the currency, as integers.
 */
import { compatibleForm } from '../compatible-form.ts';
import { type Refusal, refusal } from '../errors.ts';
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { currencyOfCheckpoint, type HumanCheckpoint, type Limit } from '../wire/manifest.ts';
import type { ActionClass } from '../wire/words.ts';

export type Amount =
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'read'; readonly hundredths: number; readonly currency: string | undefined };

const decimalPattern = /^\d{1,13}(?:\.\d{1,2})?$/;
const wholeMax = 1e13;

/** Hundredths of a non-negative amount with at most two decimal places, or undefined. Accepts numbers and decimal strings. */
export function hundredths(value: unknown): number | undefined {
  // The commonest needs no text: as many figures as the pattern takes.
  if (Number.isInteger(value) && (value as number) > 0 && (value as number) < wholeMax)
    return (value as number) * 100;
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  if (!decimalPattern.test(text)) return undefined;
  const [whole = '0', fraction = ''] = text.split('.');
  return Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
}

/** Whether the tool's own schema takes text for this argument: where it does not, an amount as text is none. */
function takesText({ definition }: ToolDoc, argument: string): boolean {
  const { properties } = (definition['inputSchema'] ?? {}) as { properties?: Record<string, unknown> };
  const declared =
    properties !== undefined && Object.hasOwn(properties, argument) ? properties[argument] : undefined;
  const { type } = (declared ?? {}) as { type?: unknown };
  return type === 'string' || (Array.isArray(type) && type.includes('string'));
}

/** Whether it is of small letters and figures alone, as most names are. */
function isPlain(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39))) return false;
  }
  return true;
}

/** A name as a tool that reads names loosely may take it. */
export const plainName = (name: string): string =>
  isPlain(name)
    ? name
    : compatibleForm(name)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}]/gu, '');

/** How deep a second amount is looked for; what is nested deeper was refused with the request. */
const depthMax = 64;

/** Whether a member of the same name stands anywhere else in the arguments: then nobody knows which of them the tool takes. */
export function standsElsewhere(args: JsonObject, argument: string): boolean {
  const wanted = plainName(argument);
  const within = (value: Json, depth: number): boolean => {
    if (value === null || typeof value !== 'object' || depth > depthMax) return false;
    if (Array.isArray(value)) return value.some((each) => within(each, depth + 1));
    for (const name of Object.keys(value)) {
      if (plainName(name) === wanted && !(depth === 0 && name === argument)) return true;
      if (within(value[name] ?? null, depth + 1)) return true;
    }
    return false;
  };
  return within(args, 0);
}

/** Whether another argument beside this one has its name in other letters. */
function isSpeltTwice(args: JsonObject, argument: string): boolean {
  const wanted = plainName(argument);
  return Object.keys(args).some((name) => name !== argument && plainName(name) === wanted);
}

/** The amount of a call, by the classified amount argument. */
export function amountOf(tool: ToolDoc, args: JsonObject): Amount {
  const { amount, currency } = tool.classification.arguments;
  if (amount === undefined) return { kind: 'none' };
  const given = Object.hasOwn(args, amount) ? args[amount] : undefined;
  const value = typeof given === 'string' && !takesText(tool, amount) ? undefined : hundredths(given);
  if (value === undefined || standsElsewhere(args, amount)) return { kind: 'unreadable' };
  if (currency !== undefined && isSpeltTwice(args, currency)) return { kind: 'unreadable' };
  const unit = currency !== undefined && Object.hasOwn(args, currency) ? args[currency] : undefined;
  return { kind: 'read', hundredths: value, currency: typeof unit === 'string' ? unit : undefined };
}

/** Stands for an amount that cannot be read: more than any that can. */
export const unreadableValue = Number.MAX_SAFE_INTEGER;

/** An amount as policies ask about it, in hundredths; undefined where the tool moves none. */
export function valueOf(
  amount: Amount,
): { readonly value: number; readonly valueCurrency: string } | undefined {
  if (amount.kind === 'none') return undefined;
  return amount.kind === 'unreadable'
    ? { value: unreadableValue, valueCurrency: 'unreadable' }
    : { value: amount.hundredths, valueCurrency: amount.currency ?? 'none' };
}

const concerns = (named: string | undefined, tool: ToolDoc) =>
  named === undefined || named === `${tool.server}/${tool.name}`;

/** What the tool does to the world; unclassified counts as the most dangerous. */
const classOf = (tool: ToolDoc): ActionClass => tool.classification.class ?? 'admin';

/** Limits of the agent that concern this tool. */
export function limitsFor(agent: AgentDoc, tool: ToolDoc): Limit[] {
  return agent.limits.filter((limit) => concerns(limit.tool, tool));
}

/** Whether limits are defined that bound what one call of this tool can do: where it moves an amount, the amount is what must be limited. */
export function hasDefinedLimits(agent: AgentDoc, tool: ToolDoc): boolean {
  const moves = tool.classification.arguments.amount !== undefined;
  return agent.limits.some(
    ({ tool: named, amountMax, total }) =>
      (!moves || amountMax !== undefined || total?.amount !== undefined) && concerns(named, tool),
  );
}

/** Whether what a call of this tool says as its amount can enter a decision about this agent: nothing else that is decided reads the arguments. */
export function amountMatters(agent: AgentDoc, tool: ToolDoc): boolean {
  if (tool.classification.arguments.amount === undefined) return false;
  const limited = limitsFor(agent, tool).some(({ amountMax }) => amountMax !== undefined);
  return (
    limited ||
    agent.checkpoints.some((point) => concerns(point.tool, tool) && point.amountAbove !== undefined)
  );
}

/** Refuses a call above an amount limit, in another currency than the limit's, or whose amount cannot be read although it is limited. */
export function checkTransaction(agent: AgentDoc, tool: ToolDoc, amount: Amount): Refusal | undefined {
  for (const limit of agent.limits) {
    if (!concerns(limit.tool, tool)) continue;
    if (limit.amountMax === undefined && limit.total?.amount === undefined) continue;
    if (amount.kind === 'none') {
      if (limit.tool === undefined) continue;
      return refusal(
        'segmentation.amount_unreadable',
        'The limit names this tool, but no argument of it is classified as the amount.',
      );
    }
    if (amount.kind === 'unreadable') return refusal('segmentation.amount_unreadable');
    // A tool that takes a currency has one of its own for calls that name none: nobody here knows which.
    const named = tool.classification.arguments.currency !== undefined;
    if (limit.currency !== undefined && named && limit.currency !== amount.currency) {
      return refusal('segmentation.amount_unreadable', `The limit is in ${limit.currency}.`);
    }
    if (limit.amountMax !== undefined && amount.hundredths > Math.round(limit.amountMax * 100)) {
      return refusal(
        'segmentation.transaction_exceeded',
        `At most ${limit.amountMax} ${limit.currency ?? ''}`.trimEnd(),
      );
    }
  }
  return undefined;
}

/** The human checkpoint that this call meets, if any. An unreadable amount meets a checkpoint on amounts: fail closed. */
export function humanCheckpointOf(
  agent: AgentDoc,
  tool: ToolDoc,
  amount: Amount,
): HumanCheckpoint | undefined {
  return agent.checkpoints.find((point) => {
    if (!concerns(point.tool, tool)) return false;
    if (point.class !== undefined && point.class !== classOf(tool)) return false;
    if (point.amountAbove === undefined || amount.kind === 'none') return true;
    if (amount.kind === 'unreadable') return true;
    const currency = currencyOfCheckpoint(point, agent.limits);
    const named = tool.classification.arguments.currency !== undefined;
    // An amount in another currency cannot be compared: a person looks.
    if (currency !== undefined && named && currency !== amount.currency) return true;
    return amount.hundredths > Math.round(point.amountAbove * 100);
  });
}
