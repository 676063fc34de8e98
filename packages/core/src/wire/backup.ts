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
  | Refused;

/** What marking a database as restored is answered with. `from`: the log as it stands there, and the time of its newest record. */
export type MarkAnswer =
  | {
      readonly ok: true;
      readonly from: { readonly origin: string; readonly size: number; readonly at: string };
      readonly origin: string;
    }
  | Refused;

export interface Refused {
  readonly ok: false;
  readonly problem: Problem;
}
