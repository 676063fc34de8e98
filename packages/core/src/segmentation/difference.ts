/**
 * Room: segmentation (S-1). A difference between two tool definitions that a person can read: one line per path that was added, removed or
 * changed. Texts are the tool server's own and stay untrusted; they are cut, and the cut is marked.
 */
import { pointerStep } from '../json-pointer.ts';
import type { z } from 'zod';
import type { diffLineSchema } from '../wire/api.ts';
import { isJsonObject, type Json } from '../wire/json.ts';

export type DiffLine = z.infer<typeof diffLineSchema>;

export const diffLinesMax = 200;
const textMax = 3_900;
const pathMax = 490;

function shown(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= textMax ? text : `${text.slice(0, textMax)}… (${text.length} characters)`;
}

/** JSON Pointer (RFC 6901), from the root of the definition. */
function child(path: string, name: string): string {
  return `${path}/${pointerStep(name)}`;
}

function members(value: Json): [string, Json][] | undefined {
  if (Array.isArray(value)) return value.map((item, at) => [String(at), item]);
  return isJsonObject(value) ? Object.entries(value) : undefined;
}

/** The lines that differ, sorted by path; at most {@link diffLinesMax}, the last of which then says how many more there are. */
export function differenceOf(accepted: Json | undefined, offered: Json | undefined): DiffLine[] {
  const lines: DiffLine[] = [];
  let more = 0;
  const line = (path: string, before: Json | undefined, after: Json | undefined) => {
    if (lines.length >= diffLinesMax - 1) {
      more++;
      return;
    }
    lines.push({
      path: path.length <= pathMax ? path || '/' : `${path.slice(0, pathMax)}…`,
      ...(before === undefined ? {} : { accepted: shown(before) }),
      ...(after === undefined ? {} : { offered: shown(after) }),
    });
  };
  const walk = (path: string, before: Json | undefined, after: Json | undefined): void => {
    const left = before === undefined ? undefined : members(before);
    const right = after === undefined ? undefined : members(after);
    const sameKind = Array.isArray(before) === Array.isArray(after);
    if (left === undefined || right === undefined || !sameKind) {
      if (JSON.stringify(before) !== JSON.stringify(after)) line(path, before, after);
      return;
    }
    const old = new Map(left);
    const now = new Map(right);
    for (const name of [...new Set([...old.keys(), ...now.keys()])].sort())
      walk(child(path, name), old.get(name), now.get(name));
  };
  walk('', accepted, offered);
  if (more > 0) lines.push({ path: `and ${more} more` });
  return lines;
}

/** Top-level members that differ, for a short sentence about why. */
export function changedMembers(lines: readonly DiffLine[]): string[] {
  return [...new Set(lines.map(({ path }) => path.split('/')[1] ?? '').filter((name) => name !== ''))].slice(
    0,
    10,
  );
}
