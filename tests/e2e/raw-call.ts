/** One `tools/call` of MCP 2026-07-28 without a client, for what clients would not send. */
export interface RawAnswer {
  readonly status: number;
  readonly result?: Record<string, unknown> & {
    requestState?: string;
    resultType?: string;
    isError?: boolean;
  };
  readonly error?: { code: number; data?: { code?: string } };
}

/** As `agentFetch` gives it. */
type GovernedFetch = (url: string, init: RequestInit) => Promise<Response>;

/** `address`: of the gateway's `/mcp/<server>`. `capabilities`: what the caller declares. */
export async function rawCall(
  by: { readonly fetch: GovernedFetch },
  address: URL | string,
  params: Record<string, unknown>,
  capabilities: object,
): Promise<RawAnswer> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const response = await by.fetch(String(address), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': String(params['name']),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...params, _meta } }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}
