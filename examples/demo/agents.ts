/** Agents as they really are: a key of their own, an enrolment, and a stock MCP client that is given the SDK's `fetch`. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ControlClient } from '@atf/sdk/client';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { generateAgentKey } from '@atf/sdk/agent-key';
import { enrolInstance, renewCredential } from '@atf/sdk/enrol';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** What came of one call, as the agent sees it. */
export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  /** Code of the gateway's refusal, where it is one. */
  readonly code: string | undefined;
  readonly approvalId: string | undefined;
  readonly tookMs: number;
}

export interface Agent {
  readonly name: string;
  readonly id: string;
  /** Tool servers that its credential names. */
  readonly servers: readonly string[];
  /** Tries again for a while when the gateway has lost sight of control: it says so, and has run nothing. */
  call(tool: string, args: Record<string, unknown>): Promise<Answer>;
  /** One attempt, whatever comes of it. */
  once(tool: string, args: Record<string, unknown>): Promise<Answer>;
  close(): Promise<void>;
}

const callTimeoutMs = 60_000;
/** On a machine that is too busy, the gateway may not hear from control in time; it then refuses everything until it does. */
export const staleCode = 'containment.feed_stale';
const staleWithinMs = 15_000;
const stalePauseMs = 250;

/** Enrols a fresh instance of a registered agent and connects it to one tool server. */
export async function connectAgent(operator: ControlClient, name: string, server: string): Promise<Agent> {
  const { id } = await operator.call('agents.show', { params: { id: name } });
  const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
  const controlUrl = operator.baseUrl;
  const key = await generateAgentKey();
  const credential = await enrolInstance({ controlUrl, key, joinToken });
  const fetch = agentFetch({
    credential,
    key,
    renew: (current) => renewCredential({ controlUrl, key, instanceId: current.instanceId }),
  });
  const client = new Client({ name: 'atf-demo', version: '0.1.0' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${credential.gatewayUrl}/mcp/${server}`), { fetch }),
  );
  return {
    name,
    id,
    servers: credential.servers,
    call: (tool, args) => patiently(() => callTool(client, tool, args)),
    once: (tool, args) => callTool(client, tool, args),
    close: () => client.close(),
  };
}

async function patiently(attempt: () => Promise<Answer>): Promise<Answer> {
  const untilMs = performance.now() + staleWithinMs;
  for (;;) {
    const answer = await attempt();
    if (answer.code !== staleCode || performance.now() > untilMs) return answer;
    await pause(stalePauseMs);
  }
}

async function callTool(client: Client, tool: string, args: Record<string, unknown>): Promise<Answer> {
  const startMs = performance.now();
  try {
    const result = await client.callTool({ name: tool, arguments: args }, { timeout: callTimeoutMs });
    const content = result.content as readonly { readonly type: string; readonly text?: string }[];
    const { code, approvalId } = factsOf(result._meta);
    const text = content.map((block) => block.text ?? '').join('\n');
    return { isError: result.isError === true, text, code, approvalId, tookMs: performance.now() - startMs };
  } catch (error) {
    // Refused before it was a call at all, for example by a credential that a kill has voided.
    const text = error instanceof Error ? error.message : 'unknown fault';
    return {
      isError: true,
      text,
      code: codeOf(error),
      approvalId: undefined,
      tookMs: performance.now() - startMs,
    };
  }
}

function factsOf(meta: unknown): { code: string | undefined; approvalId: string | undefined } {
  const atf = isRecord(meta) && isRecord(meta.atf) ? meta.atf : {};
  return { code: textOf(atf.code), approvalId: textOf(atf.approvalId) };
}

/** The code of a JSON-RPC error or of a problem document that the transport quotes. */
function codeOf(error: unknown): string | undefined {
  const data = isRecord(error) && isRecord(error.data) ? error.data : {};
  const quoted =
    error instanceof Error
      ? /"code":\s*"([a-z_]+\.[a-z_]+)"/.exec(`${error.message} ${textOf(data.text) ?? ''}`)?.[1]
      : undefined;
  return textOf(data.code) ?? quoted;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
