/**
 * MCP at the front door: one parsed request to one answer in the form of its era. It decides nothing: whatever moves data goes through the pipeline, and
 * what is not governed is recorded and refused.
 */
import type { Refusal } from '@atf/core/errors';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';
import type { Pipeline } from './pipeline.ts';
import type { OnProgress } from './progress.ts';
import {
  encodeAccepted,
  encodeDiscover,
  encodeInitialize,
  encodePing,
  encodeProtocolRefusal,
  encodeToolRefusal,
  encodeToolResult,
} from './protocols/mcp-encode.ts';
import { encodeList, encodeOfferRefusal, encodeOfferResult } from './protocols/mcp-encode-offers.ts';
import type { ActionRequest, EncodedResponse, ParsedRequest, RequestId } from './protocols/protocol.ts';

/** Not about one call: the HTTP status says it. */
export interface McpProblem {
  readonly id: RequestId;
  readonly refusal: Refusal;
  readonly stepUp?: boolean;
}

export async function answerMcp(
  pipeline: Pipeline,
  credential: CredentialFacts,
  parsed: ParsedRequest,
  gone: AbortSignal,
  onProgress?: OnProgress,
): Promise<EncodedResponse | McpProblem> {
  switch (parsed.kind) {
    case 'tools_call':
    case 'resources_read':
    case 'prompts_get':
    case 'complete':
      return encodeAction(parsed, await pipeline.act(credential, parsed, gone, onProgress));
    case 'list': {
      const listed = pipeline.list(credential, parsed.serverName, parsed.offered);
      return 'refusal' in listed
        ? { id: parsed.id, refusal: listed.refusal }
        : encodeList(parsed, listed.offers);
    }
    case 'cancelled':
      pipeline.cancel(credential, parsed);
      return encodeAccepted();
    case 'notification':
      return encodeAccepted();
    case 'unsupported': {
      const unrecorded = await pipeline.unsupported(credential, parsed);
      return unrecorded === undefined
        ? encodeProtocolRefusal(parsed.problem)
        : { id: parsed.id, refusal: unrecorded };
    }
    default: {
      const stopped = pipeline.admit(credential, parsed.serverName);
      if (stopped !== undefined) return { id: parsed.id, refusal: stopped };
      if (parsed.kind === 'initialize') return encodeInitialize(parsed);
      return parsed.kind === 'discover' ? encodeDiscover(parsed) : encodePing(parsed);
    }
  }
}

function encodeAction(request: ActionRequest, answer: CallAnswer): EncodedResponse | McpProblem {
  if (answer.kind === 'problem')
    return { id: request.id, refusal: answer.refusal, stepUp: answer.stepUp === true };
  if (answer.kind === 'refused')
    return request.kind === 'tools_call'
      ? encodeToolRefusal(request, answer.facts)
      : encodeOfferRefusal(request, answer.facts);
  return request.kind === 'tools_call'
    ? encodeToolResult(request, answer.result, answer.facts)
    : encodeOfferResult(request, answer.result, answer.facts);
}
