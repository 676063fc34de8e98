/** What taking, checking or restoring a backup is answered with: between the control plane's code, which does it, and the command line, which tells it. */
import type { Problem } from '../errors.ts';

export interface BackupSummary {
  readonly id: string;
  readonly at: string;
  readonly version: string;
  readonly origin: string;
  /** Records in the log. */
  readonly size: number;
  readonly rows: number;
}

/** `origin`: the one under which a restored log goes on. */
export type BackupAnswer =
  | { readonly ok: true; readonly backup: BackupSummary; readonly origin?: string }
  | { readonly ok: false; readonly problem: Problem };
