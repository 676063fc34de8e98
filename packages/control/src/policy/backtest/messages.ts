/** Room: policy. What the thread of a backtest is told and what it answers: one bundle of the log at a time. */
import type { Unreplayable } from '@atf/core/backtest';
import type { DecidingManifest } from '@atf/core/replay';
import type { BacktestChange } from '@atf/core/wire/backtest';
import type { ChangeCounts } from '@atf/core/wire/change-counts';
import type { PolicyDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { Level } from '@atf/core/wire/words';

/** What stays the same throughout. */
export interface Task {
  readonly before: PolicyDoc;
  readonly after: PolicyDoc;
  readonly level: Level | undefined;
  /** Id of the only agent that is looked at. */
  readonly agentId: string | undefined;
  /** Unix milliseconds: decisions before it are left out. */
  readonly sinceMs: number;
}

export interface Bundle {
  /** Index in the log of its first entry. */
  readonly first: number;
  /** Entries of it that belong to the log as it was when the backtest began. */
  readonly width: number;
  /** As the log serves it (core/audit/tiles.ts). */
  readonly bytes: Uint8Array;
  /** How many changes more the report has room to list. */
  readonly changesWanted: number;
}

/** The sealed content of a record. */
export interface PayloadWanted {
  readonly id: string;
  readonly commitment: string;
}

export interface Wanted {
  readonly manifests: readonly string[];
  readonly definitions: readonly string[];
  readonly payloads: readonly PayloadWanted[];
}

/** Null: it is not there (any more). */
export interface Facts {
  readonly manifests: readonly (readonly [digest: string, manifest: DecidingManifest | null])[];
  readonly definitions: readonly (readonly [digest: string, definition: JsonObject | null])[];
  /** The decrypted content. */
  readonly payloads: readonly (readonly [id: string, text: string | null])[];
}

export interface Found {
  /** Decisions made again. */
  readonly decisions: number;
  /** Of these, made under another version. */
  readonly otherVersion: number;
  readonly unreplayable: Partial<Record<Unreplayable, number>>;
  /** Of these, decided otherwise. */
  readonly changed: number;
  readonly counts: ChangeCounts;
  /** The first that changed, in the order of the log. */
  readonly changes: readonly BacktestChange[];
}

export type ToThread = { readonly bundle: Bundle } | { readonly facts: Facts };
export type FromThread = { readonly wanted: Wanted } | { readonly found: Found };
