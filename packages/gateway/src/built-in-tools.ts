/**
 * Tools of the gateway itself, offered beside those of every server. They change nothing at tool servers by themselves: `atf_approval_result` redeems
 * an approval (then the stored call runs through the whole pipeline) or says how it stands; `atf_why` and `atf_whoami` tell an agent what holds for
 * it; `atf_escalate` and `atf_request_elevation` tell its people; `atf_delegate` has control give another agent a piece of its work; `atf_negotiate` widens a boundary of a
 * Principal within what policy offers. What they answer stands in built-in-answers.ts.
 */
import { delegationMinutesDefault, delegationMinutesMax } from '@atf/core/wire/delegation-routes';
import { grantMinutesMax } from '@atf/core/wire/negotiation';
import { taskTurnMax } from '@atf/core/wire/task-routes';
import { levels, namePattern, uuidSchema } from '@atf/core/wire/words';
import type { JsonObject } from '@atf/core/wire/json';
import type { ToolDefinition } from './protocols/protocol.ts';

export const approvalResultName = 'atf_approval_result';
export const whyName = 'atf_why';
export const whoAmIName = 'atf_whoami';
export const escalateName = 'atf_escalate';
export const requestElevationName = 'atf_request_elevation';
export const delegateName = 'atf_delegate';
export const negotiateName = 'atf_negotiate';

/** Characters of an agent's own words to its people. */
const wordsMax = 700;
const asks = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
const tells = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };
const reason = { type: 'string', minLength: 1, maxLength: wordsMax };

export const builtInTools: readonly ToolDefinition[] = [
  {
    name: approvalResultName,
    title: 'Result of an approval',
    description:
      'Asks what became of a call that waits for a person. Once it is approved, exactly the stored call is carried out, once, and its ' +
      'result is given; asking again gives the same result. Without approvalId it lists your open approvals.',
    inputSchema: {
      type: 'object',
      properties: {
        approvalId: {
          type: 'string',
          format: 'uuid',
          description: 'The id named when the call was put on hold',
        },
      },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  {
    name: whyName,
    title: 'Why a call was decided as it was',
    description:
      'Explains a decision check by check: of a call that you made a short while ago (actionId), or of one that you might make (tool and its ' +
      'arguments), which is only asked about: nothing runs and no limit is spent.',
    inputSchema: {
      type: 'object',
      properties: {
        actionId: { type: 'string', format: 'uuid', description: 'The action that an answer named' },
        tool: { type: 'string', minLength: 1, maxLength: 300, description: 'A tool of this server' },
        arguments: { type: 'object', description: 'The arguments of the call that is asked about' },
      },
      additionalProperties: false,
      oneOf: [{ required: ['actionId'] }, { required: ['tool'] }],
    },
    annotations: asks,
  },
  {
    name: whoAmIName,
    title: 'Who you are here',
    description:
      'Says as whom you are known: name, version, level, purpose, domains, the tools that you were granted, your limits, and when your credential ends.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: asks,
  },
  {
    name: escalateName,
    title: 'Hand something to a person',
    description:
      'Tells the people who answer for you, and the contact for escalations, that you need one of them, in your own words. Nothing else happens.',
    inputSchema: {
      type: 'object',
      properties: {
        reason: { ...reason, description: 'What a person should do, and why you cannot' },
        actionId: { type: 'string', format: 'uuid', description: 'The action that this is about, if any' },
      },
      required: ['reason'],
      additionalProperties: false,
    },
    annotations: tells,
  },
  {
    name: requestElevationName,
    title: 'Ask to be allowed more',
    description:
      'Tells your owners that you ask for a tool or a level that you do not have. Nothing changes until they change it.',
    inputSchema: {
      type: 'object',
      properties: {
        reason: { ...reason, description: 'What you need it for' },
        tool: { type: 'string', minLength: 1, maxLength: 300, description: 'The tool, as server/tool' },
        level: { enum: [...levels] },
      },
      required: ['reason'],
      additionalProperties: false,
    },
    annotations: tells,
  },
  {
    name: delegateName,
    title: 'Have another agent do a part of it',
    description:
      'Gives another agent a piece of your work. You get a grant: an instance of that agent opens one session with it, once. There it may do what both of ' +
      'you may, and it stops when you do. What you say to it is not a person’s word.',
    inputSchema: {
      type: 'object',
      properties: {
        agent: { type: 'string', minLength: 1, maxLength: 64, description: 'The name of the agent' },
        words: { type: 'string', minLength: 1, maxLength: taskTurnMax, description: 'What it is to do' },
        minutes: {
          type: 'integer',
          minimum: 1,
          maximum: delegationMinutesMax,
          description: `How long at most; ${delegationMinutesDefault} where you say nothing`,
        },
      },
      required: ['agent', 'words'],
      additionalProperties: false,
    },
    annotations: tells,
  },
  {
    name: negotiateName,
    title: 'Widen a boundary for a time',
    description:
      'Without arguments: what policy offers you. With an offer, minutes and a reason: one of your limits gets a wider figure, or you get the data of another ' +
      'domain, for that time. It is granted at once within the offer and refused beyond it; people are told, and may end it. Only for Principals.',
    inputSchema: {
      type: 'object',
      properties: {
        offer: { type: 'string', pattern: namePattern.source, description: 'Name of the offer' },
        figure: {
          type: 'number',
          minimum: 0,
          description: 'The figure that you need; without it the widest',
        },
        minutes: { type: 'integer', minimum: 1, maximum: grantMinutesMax },
        reason: { ...reason, description: 'What you need it for' },
      },
      dependentRequired: {
        offer: ['minutes', 'reason'],
        minutes: ['offer'],
        figure: ['offer'],
        reason: ['offer'],
      },
      additionalProperties: false,
    },
    annotations: tells,
  },
];

const names: ReadonlySet<string> = new Set(builtInTools.map(({ name }) => name));

/** Names of the gateway's own tools; a tool of a server with such a name cannot be reached. */
export function isBuiltIn(name: string): boolean {
  return names.has(name);
}

export type ApprovalQuestion =
  | { readonly ok: true; readonly approvalId: string | undefined }
  | { readonly ok: false; readonly problem: string };

/** Reads the arguments of `atf_approval_result`. */
export function readApprovalQuestion(args: JsonObject): ApprovalQuestion {
  const { approvalId, ...rest } = args;
  if (Object.keys(rest).length > 0) return { ok: false, problem: '/: additionalProperties' };
  if (approvalId === undefined) return { ok: true, approvalId: undefined };
  const parsed = uuidSchema.safeParse(approvalId);
  return parsed.success
    ? { ok: true, approvalId: parsed.data }
    : { ok: false, problem: '/approvalId: format' };
}
