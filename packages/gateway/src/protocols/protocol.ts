/**
 * The contract between the gateway's pipeline and the protocols it speaks (segmentation S-1, S-2; behavior B-2).
 *
 * An agent's request becomes one `ParsedRequest` or one `ProtocolRefusal`; the pipeline answers with one of the
 * results below and the protocol encodes it. Upstream, every tool server looks like one `UpstreamServer`.
 *
 * Deliberately not here: authentication, decisions, records. A parsed request is well formed, nothing more; nothing
 * in it is trusted, `clientInfo` least of all.
 */
import type { ErrorCode, Refusal } from '@atf/core/errors';
import type { DataRecord } from '@atf/core/record';
import type { Kind } from '@atf/core/segmentation/offer';
import type { OnFound } from './http-stream.ts';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import type { OnProgress } from '../progress.ts';
import type { KeepValues } from '../tokens.ts';
import type { LogLevel } from './mcp-log.ts';

/** Protocol eras the gateway serves. Clients of 2025-03-26 and 2025-06-18 are served with 2025-11-25 semantics. */
export type Era = '2025-11-25' | '2026-07-28';

/** A JSON-RPC id; fractional numbers are refused. */
export type RequestId = string | number;

/** An HTTP request, its body already read (and bounded while reading). Header names are lower case, as node:http gives them. */
export type RawRequest = {
  readonly method: string;
  /** Path with optional query, as in the request line. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
};

/** What the client software says about itself: claimed, never used for a decision. */
export type ClientInfo = { readonly name: string; readonly version: string };

/** What the client said that it can be asked for: claimed, and only ever a reason not to ask. */
export type ClientOffers = {
  readonly asks: readonly AskKind[];
  /** It opens addresses for its person (elicitation in URL mode). */
  readonly url: boolean;
  /** It takes a task instead of a result (2026-07-28, extension `io.modelcontextprotocol/tasks`). */
  readonly tasks?: boolean;
};

type Addressed = { readonly era: Era; readonly serverName: string };
export type Asked = Addressed & {
  readonly id: RequestId;
  readonly progressToken?: RequestId;
  readonly clientInfo?: ClientInfo;
  /** Of the message itself (2026-07-28), or of the handshake. */
  readonly offers?: ClientOffers;
  /** Log messages of the server from this level on are wanted (2026-07-28). */
  readonly logLevel?: LogLevel;
  /** Answers to what an earlier answer asked for (2026-07-28). */
  readonly retry?: { readonly state?: string; readonly answers: InputAnswers };
};

/** By keys of whoever asked. */
export type InputRequests = Readonly<Record<string, InputRequest>>;
/** One thing that a tool server asks the agent's side for: untrusted, bounded, of a form that MCP knows. */
export type InputRequest = { readonly kind: AskKind; readonly params: JsonObject };
/** Results by the same keys; what was not answered is missing. */
export type InputAnswers = Readonly<Record<string, JsonObject>>;

/** Asks the agent's side. `undefined`: it cannot be asked any more, or did not answer in time. */
export type AskAgent = (asked: InputRequests) => Promise<InputAnswers | undefined>;

export type InitializeRequest = Asked & {
  readonly kind: 'initialize';
  /** What the client asked for. */
  readonly requestedVersion: string;
  /** What is answered: the client's version when served, else the newest handshake version. */
  readonly protocolVersion: string;
  readonly offers: ClientOffers;
};
export type DiscoverRequest = Asked & { readonly kind: 'discover' };
export type PingRequest = Asked & { readonly kind: 'ping' };
/** One page of what a server offers of one kind. */
export type ListRequest = Asked & {
  readonly kind: 'list';
  readonly offered: Kind;
  readonly cursor?: string;
};
export type ToolsCallRequest = Asked & {
  readonly kind: 'tools_call';
  readonly toolName: string;
  /** Omitted arguments arrive as `{}`. */
  readonly args: JsonObject;
  /**
   * UTF-8 JSON of `args`, written once by us from the parsed value: these bytes are decided on, digested, stored
   * with an approval and sent upstream.
   */
  readonly argsBytes: Uint8Array;
  /** It is to be answered with a task (2025-11-25). */
  readonly asTask?: boolean;
};
/** `resources/read`: of a listed resource, or of one that a template stands for. */
export type ResourcesReadRequest = Asked & { readonly kind: 'resources_read'; readonly uri: string };
export type PromptsGetRequest = Asked & {
  readonly kind: 'prompts_get';
  readonly prompt: string;
  readonly args: JsonObject;
};
/** `completion/complete` for an argument of a prompt or a variable of a template. */
export type CompleteRequest = Asked & {
  readonly kind: 'complete';
  readonly of: { readonly kind: 'prompt' | 'template'; readonly name: string };
  /** `argument` and, where given, `context`: the arguments that are known already. */
  readonly complete: JsonObject;
};
/** What the pipeline decides on: one action on one thing that a server offers. */
export type ActionRequest = ToolsCallRequest | ResourcesReadRequest | PromptsGetRequest | CompleteRequest;
/** A notification other than a cancellation; answered with 202 and no body, never acted on. */
export type NotificationRequest = Addressed & { readonly kind: 'notification'; readonly method: string };
/** `notifications/cancelled`: abort the caller's own call with this id, if it is under way. */
export type CancelledRequest = Addressed & { readonly kind: 'cancelled'; readonly requestId: RequestId };
/** A well-formed request for a method that is not governed; to be recorded, then refused with `problem`. */
export type UnsupportedRequest = Asked & {
  readonly kind: 'unsupported';
  readonly method: string;
  readonly problem: ProtocolRefusal;
};

/** `logging/setLevel` (2025-11-25): from which level on log messages of this server are wanted. */
export type SetLevelRequest = Asked & { readonly kind: 'set_level'; readonly level: LogLevel };
/** `resources/subscribe` and `resources/unsubscribe` (2025-11-25). */
export type SubscribeRequest = Asked & { readonly kind: 'subscribe' | 'unsubscribe'; readonly uri: string };
/** `subscriptions/listen` (2026-07-28): what this stream is to tell of. */
export type ListenRequest = Asked & {
  readonly kind: 'listen';
  readonly lists: readonly OfferedList[];
  readonly uris: readonly string[];
};
export type OfferedList = 'tools' | 'resources' | 'prompts';
/** `tasks/get`, `tasks/cancel`; `tasks/result` (2025-11-25); `tasks/update` (2026-07-28). */
export type TaskRequest = Asked & {
  readonly kind: 'task';
  readonly operation: 'get' | 'result' | 'cancel' | 'update';
  readonly taskId: string;
  /** Of `tasks/update`. */
  readonly answers: InputAnswers;
};
/** An answer to what the gateway asked on a stream (2025-11-25); `result` is missing where it is an error. */
export type AnswerMessage = Addressed & {
  readonly kind: 'answer';
  readonly answers: RequestId;
  readonly result: JsonObject | undefined;
};

export type ParsedRequest =
  | InitializeRequest
  | DiscoverRequest
  | PingRequest
  | ListRequest
  | ActionRequest
  | SetLevelRequest
  | SubscribeRequest
  | ListenRequest
  | TaskRequest
  | NotificationRequest
  | CancelledRequest
  | AnswerMessage
  | UnsupportedRequest;

/** A request that wants an answer with a body. */
export type AnsweredRequest = Exclude<ParsedRequest, NotificationRequest | CancelledRequest | AnswerMessage>;

/** Codes of refusals at the protocol's edge. */
export type ProtocolRefusalCode = Extract<ErrorCode, `request.${string}`>;

/** A request that could not be understood, or is not served: nothing about it reaches the pipeline's later steps. */
export type ProtocolRefusal = {
  readonly kind: 'refusal';
  readonly code: ProtocolRefusalCode;
  readonly httpStatus: number;
  /** JSON-RPC error code, by the 2026-07-28 assignments. */
  readonly rpcCode: number;
  /** The request's id, when it could be read; `null` otherwise. */
  readonly id: RequestId | null;
  /** One sentence about the shape of the request; never holds its content. */
  readonly detail: string;
  readonly data?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
};

/** An HTTP response, ready to write. `body` is absent for 202. `content-length` and `content-type` are in `headers`. */
export type EncodedResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
};

/** A tool as its server defined it. Further members are kept: the digest that pins a tool covers all of them. */
export type ToolDefinition = {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: JsonObject;
  readonly [key: string]: Json | undefined;
};

/**
 * The result of an action as the tool server gave it: content blocks, maybe structured content, maybe an error mark. A resource that was read is
 * embedded resources in `content`; a prompt and a completion are `structuredContent`, member by member.
 */
export type ToolResult = {
  readonly content: readonly JsonObject[];
  readonly structuredContent?: Json;
  readonly isError?: boolean;
  readonly _meta?: JsonObject;
};

/** Facts of the gateway that travel in `_meta.atf` of every tool result. */
export type ResultFacts = {
  readonly actionId: string;
  readonly approvalId?: string;
  /** What was found in the result, masked or not: categories (`PII`, `secret`), `injection`, `unchecked`. */
  readonly labels?: readonly string[];
  /** What the server logged while it worked, as far as the agent wants it: recorded with the result, sent before it. */
  readonly log?: readonly JsonObject[];
};

/** What a refusal, a wait for a person, or a missing result says about one call. `refusal.detail` must be the gateway's own words. */
export type RefusalFacts = {
  /**
   * `refused`: nothing happened. `waiting`: nothing happened yet, a person has to decide. `unknown`: it was dispatched and
   * there is no result (an upstream fault with `dispatched`). `withheld`: it ran, and its result may not leave. `running`: it was released
   * before, and there is no result yet.
   */
  readonly outcome: 'refused' | 'waiting' | 'unknown' | 'withheld' | 'running';
  readonly refusal: Refusal;
  /** Requirements besides the one that the catalogue names for the code. */
  readonly requirementIds?: readonly string[];
  readonly actionId?: string;
  readonly approvalId?: string;
  /** Until when the approval can be given, ISO 8601. */
  readonly approvalExpiresAt?: string;
  /** What the client would have to declare (`request.capability_missing`). */
  readonly missing?: readonly AskKind[];
};

/** Why a tool server gave no usable result. */
export type UpstreamFaultCode = Extract<
  ErrorCode,
  `upstream.${string}` | 'data.stream_cut' | 'data.uninspected'
>;

export type UpstreamFault = {
  readonly code: UpstreamFaultCode;
  /** `false`: nothing was handed to the server, so nothing happened. `true`: it may have happened. */
  readonly dispatched: boolean;
  /** The gateway's own words; never what the server sent. */
  readonly detail: string;
  /** The JSON-RPC code with which the server itself refused, for `upstream.call_refused`. */
  readonly rpcCode?: number;
  /** What the client would have to declare, as far as it is known, where the server refused for that. */
  readonly missing?: readonly AskKind[];
  /** What was found in a stream before it was cut. */
  readonly data?: DataRecord | undefined;
};

export type UpstreamCallOutcome =
  | {
      readonly kind: 'result';
      readonly result: ToolResult;
      readonly resultBytes: number;
      /** What was found in what has left already. */
      readonly data?: DataRecord | undefined;
    }
  | { readonly kind: 'fault'; readonly fault: UpstreamFault };

export type UpstreamListOutcome =
  | { readonly kind: 'tools'; readonly tools: readonly ToolDefinition[]; readonly protocolVersion: string }
  | { readonly kind: 'fault'; readonly fault: UpstreamFault };

export type UpstreamCallOptions = {
  /** Fired by the kill switch, a cancelled request or a shutdown: the call settles at once, and over HTTP its exchange is closed. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Sent in `_meta` for servers that deduplicate; never a promise that they do. */
  readonly idempotencyKey?: string;
  /** What the server says of how far it is; untrusted (progress.ts). */
  readonly onProgress?: OnProgress;
  /** Absent: whatever the server asks for is refused. Its time does not count against `timeoutMs`. */
  readonly input?: CallInput;
  /** Absent: what the server logs is dropped. */
  readonly log?: CallLog;
  /** What of an answer that is looked at while it comes becomes tokens; absent: nothing. */
  readonly tokens?: KeepValues | undefined;
  /** Of what leaves while it comes: told what was found before any of that leaves (http-stream.ts). */
  readonly onFound?: OnFound;
};

export type CallInput = {
  /** What the agent's side declared and the server may ask for. */
  readonly asks: readonly AskKind[];
  readonly ask: (asked: InputRequests) => Promise<InputOutcome>;
  /** The longest that all answers together may take. */
  readonly waitMsMax: number;
};
export type InputOutcome =
  | { readonly ok: true; readonly answers: InputAnswers }
  | { readonly ok: false; readonly fault: UpstreamFault };

export type CallLog = { readonly level: LogLevel; readonly onLog: (said: JsonObject) => void };

/** One tool server. Calls never throw and are never retried here. */
export interface UpstreamServer {
  readonly name: string;
  /** All tools, resources, templates and prompts over all pages, each as its governed definition; bounded in pages, count and bytes. */
  listTools(options: {
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
  }): Promise<UpstreamListOutcome>;
  /** `name` is the governed one: its kind says which method is sent. */
  callTool(name: string, args: JsonObject, options: UpstreamCallOptions): Promise<UpstreamCallOutcome>;
  /** Asks to be told when this resource changes, or no longer; the server tells `onUpdated`. Kept over lost connections. */
  watch(
    uri: string,
    on: boolean,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<UpstreamFault | undefined>;
  /**
   * Certain stop of a server over stdio: kills its whole process group, with all calls of it. The next call or listing
   * starts it again, unless `close` was called. False where there is no process: over HTTP each call's own signal closes what there is of it.
   */
  kill(): boolean;
  /** Ends the server for good; resolves once its process is gone. */
  close(): Promise<void>;
}
