/** What the gateway and the process that runs a model say to one another. */
import type { ModelFind } from './onnx-text.ts';

/** Once, first. Paths are absolute. */
export interface LoadMessage {
  readonly load: {
    readonly files: string;
    readonly digests: { readonly model: string; readonly tokenizer: string };
    /** The modules of the tokenizer and of the runtime. */
    readonly tokenizerModule: string;
    readonly runtimeModule: string;
    readonly classes: readonly string[];
    readonly scores: 'softmax' | 'sigmoid' | 'none';
    readonly tokens: number;
  };
}

/** One at a time. */
export interface AskMessage {
  readonly ask: number;
  /** `{"texts": […]}` */
  readonly question: string;
  readonly labels: readonly string[];
  readonly threshold: number;
}

/** Nobody waits for the answer any more. */
export interface DropMessage {
  readonly drop: number;
}

export type ToWorker = LoadMessage | AskMessage | DropMessage;

export type FromWorker =
  | { readonly ready: true }
  /** It cannot be asked; the process ends. */
  | { readonly problem: string }
  /** Absent `found`: no answer. */
  | { readonly answered: number; readonly found?: readonly ModelFind[]; readonly rssMb: number };
