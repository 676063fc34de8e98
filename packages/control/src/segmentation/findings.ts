/** Room: segmentation (S-1, D-2). What is found in definitions of tools, and whether a person has said that they know of it. Nothing is stored but what they said. */
import { readFileSync } from 'node:fs';
import { scanTexts, type TextScan, ToolNames } from '@atf/core/data/definition-scan';
import { modelsFolder, scoresOf } from '@atf/core/data/models/shipped';
import { refuse } from '@atf/core/errors';
import type { JsonObject } from '@atf/core/wire/json';
import type { ToolFinding } from '@atf/core/wire/tool-findings';
import type { Db, Tx } from '../context.ts';
import { toolNames, type ToolRow } from './store.ts';

/** Definitions by their digest: the same text says the same. */
const scans = new Map<string, TextScan>();
const scansMax = 5_000;
const score = scoresOf((name) => readFileSync(new URL(`${name}.bin`, modelsFolder)));

/** Stricter than for results: descriptions tell models what to do, and the model was not trained on them. */
const orderScore = 0.9;
/** Short texts say too little: “Confirm that you are here” reads like an order. */
const orderLengthMin = 40;

/** Undefined: the model was not there, so nobody has looked. */
export function readsLikeOrder(text: string): boolean | undefined {
  if (text.length < orderLengthMin) return false;
  const scored = score('injection-read', text);
  return scored === undefined ? undefined : scored.score >= orderScore;
}

function scanOf(digest: string, definition: () => JsonObject): TextScan {
  const known = scans.get(digest);
  if (known !== undefined) return known;
  const scan = scanTexts(definition(), readsLikeOrder);
  const oldest = scans.size >= scansMax ? scans.keys().next().value : undefined;
  if (oldest !== undefined) scans.delete(oldest);
  scans.set(digest, scan);
  return scan;
}

export const namesOf = async (db: Db | Tx, tenant: string): Promise<ToolNames> =>
  new ToolNames(await toolNames(db, tenant));

/** Of a definition that a server offers, before it is a tool. */
export const findingsOfOffer = (
  names: ToolNames,
  server: string,
  { name, digest, definition }: { name: string; digest: string; definition: JsonObject },
): ToolFinding[] =>
  names.findings(
    scanOf(digest, () => definition),
    { server, name },
  );

/** Of what a person looks at: the definition on offer, or else the accepted one. */
export function findingsOfTool(names: ToolNames, row: ToolRow): ToolFinding[] {
  const text = row.offered ?? row.definition;
  const digest = row.offered_digest ?? row.definition_digest;
  return findingsOfOffer(names, row.server, {
    name: row.name,
    digest,
    get definition() {
      return JSON.parse(text) as JsonObject;
    },
  });
}

export const isSevere = ({ severity }: ToolFinding): boolean => severity === 'severe';

/** Names of severe findings. Refuses `segmentation.findings_unacknowledged` when one of them was not said, or one was said that is not there. */
export function acknowledgedOf(findings: readonly ToolFinding[], said: readonly string[]): string[] {
  const severe = findings.filter(isSevere).map(({ name }): string => name);
  const missing = severe.filter((name) => !said.includes(name));
  const other = said.filter((name) => !severe.includes(name));
  if (missing.length > 0)
    refuse('segmentation.findings_unacknowledged', `found and not acknowledged: ${missing.join(', ')}`);
  if (other.length > 0)
    refuse('segmentation.findings_unacknowledged', `acknowledged and not found: ${other.join(', ')}`);
  return severe;
}
