/**
 * Room: approvals (S-2). What tells one waiting call from another in a list: amount, destination and object of the stored exact call, by the roles that the
 * tool's classification gives its arguments. Untrusted text of the agent, bounded; for people who may read the call only.
 */
import { sha256 } from '@atf/core/digest';
import type { Approval } from '@atf/core/wire/api';
import type { Classification } from '@atf/core/wire/feed';
import { isJsonObject, parseStrictText } from '@atf/core/wire/json';
import type { Control } from '../context.ts';
import { openText } from './seal.ts';
import type { ApprovalRow } from './store.ts';

/** Larger calls are not opened for a list; their own page shows them. */
const sealedBytesMax = 65_536;
const wordsMax = 200;

function said(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const points = [...text];
  return points.length <= wordsMax ? text : `${points.slice(0, wordsMax - 1).join('')}…`;
}

/** Undefined when no argument has a role, or the call cannot be opened: its own page says why. */
export function briefOf(
  control: Control,
  row: ApprovalRow,
  roles: Classification['arguments'],
): Approval['brief'] {
  if (row.args_box.byteLength > sealedBytesMax) return undefined;
  const sealed = { kid: row.args_kid, box: row.args_box };
  const text = openText(control.keys, control.config.tenant, row.id, 'args', sealed);
  if (text === undefined || sha256(text) !== row.args_digest) return undefined;
  const parsed = parseStrictText(text);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const args = parsed.value;
  const of = (name: string | undefined) =>
    name === undefined || !Object.hasOwn(args, name) ? undefined : said(args[name]);
  const [amount, currency] = [of(roles.amount), of(roles.currency)];
  const [destination, object] = [of(roles.destination), of(roles.object)];
  const brief = {
    ...(amount === undefined ? {} : { amount: currency === undefined ? amount : `${amount} ${currency}` }),
    ...(destination === undefined ? {} : { destination }),
    ...(object === undefined ? {} : { object }),
  };
  return Object.keys(brief).length === 0 ? undefined : brief;
}
