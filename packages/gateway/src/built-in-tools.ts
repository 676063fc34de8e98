/**
 * Tools of the gateway itself, offered beside those of every server. They change nothing by themselves: `atf_approval_result` redeems
 * an approval (then the stored call runs through the whole pipeline) or says how it stands.
 */
import { uuidSchema } from '@atf/core/wire/words';
import type { JsonObject } from '@atf/core/wire/json';
import type { ToolDefinition } from './protocols/protocol.ts';

export const approvalResultName = 'atf_approval_result';

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
