/** Room: policy (S-1). What the control plane's policy worker is asked and what it answers. Plain data, bounded by `cedar.ts`. */
import type { ActionClass } from '@atf/core/wire/words';
import type { Attributes } from '@atf/core/segmentation/bound-types';

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** One policy as written, with Cedar's JSON form of it. */
export interface PolicyDocument {
  /** The `@id` annotation. */
  readonly id: string;
  readonly file: string;
  readonly text: string;
  readonly json: unknown;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What policies may ask about of the arguments of one tool. Plain data, because it goes to another thread. */
export interface ToolArguments {
  /** Attributes of a record in Cedar's JSON form of a schema. */
  readonly attributes: Attributes;
  /** Arguments that have no type, with the reason. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** The class of every call of it; absent: it is not known here, or each call has its own (a query). */
  readonly class?: ActionClass | undefined;
  /** Of a changed tool that runs for nobody until a person accepts it: as it would be then. */
  readonly offered?: ToolArguments;
}

/** By `server/tool`. */
export type ToolTypes = Readonly<Record<string, ToolArguments>>;
/** `unknown`: what tools there are is not known here. */
export type KnownTypes = ToolTypes | 'unknown';

export type PolicyTextProblemCode =
  | 'syntax'
  | 'template'
  | 'id_missing'
  | 'id_duplicate'
  | 'schema_syntax'
  | 'schema_mismatch'
  | 'too_large'
  | 'too_many_policies'
  | 'unavailable';

/** What is wrong with policy text. `line` and `column` (in characters) count from 1 within the file. */
export interface PolicyTextProblem {
  readonly code: PolicyTextProblemCode;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly policyId?: string;
}

export type CompileTextResult =
  | {
      readonly ok: true;
      readonly policies: readonly PolicyDocument[];
      /** By tool: the arguments that all policies about it fit. */
      readonly fits: Readonly<Record<string, readonly Attributes[]>>;
      readonly warnings: readonly PolicyTextProblem[];
    }
  | { readonly ok: false; readonly problems: readonly PolicyTextProblem[] };

export type FormatTextResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly PolicyTextProblem[] };

export type SchemaResult =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly problems: readonly PolicyTextProblem[] };

export type WorkerTask =
  | {
      readonly kind: 'compile';
      readonly files: readonly PolicyFile[];
      readonly schemaText: string | undefined;
      /** Absent: the policies are not about tools. */
      readonly types?: KnownTypes | undefined;
      /** Time zones that policies may ask about. */
      readonly zones: readonly string[];
    }
  | { readonly kind: 'format'; readonly text: string }
  | { readonly kind: 'schema'; readonly schemaText: string };

export type WorkerAnswer = CompileTextResult | FormatTextResult | SchemaResult;

export interface WorkerRequest {
  readonly sequence: number;
  readonly task: WorkerTask;
}

export interface WorkerReply {
  readonly sequence: number;
  readonly answer: WorkerAnswer;
}
