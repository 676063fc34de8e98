/**
 * Room: segmentation (S-4). Which values of a call decide where something goes, what it is done to, and how much of it; and where each of them comes from. A
 * value of any other argument is content, and of it, and of names of members, only the addresses are looked at. Roles are those of the tool's classification, and for arguments that it does
 * not name those that their names say. Pure and bounded.
 */
import { pointerStep } from '../../json-pointer.ts';
import { wordSet, wordsOf } from '../classify.ts';
import type { Classification } from '../../wire/feed.ts';
import { isJsonObject, type Json, type JsonObject } from '../../wire/json.ts';
import { addressesIn, reachesOutside, unreadable } from './plain-text.ts';
import { type Found, type Origin, origins, type SessionMemory } from './session-memory.ts';

export const argumentRoles = ['destination', 'object', 'amount', 'content'] as const;
export type ArgumentRole = (typeof argumentRoles)[number];

export interface ArgumentOrigin extends Found {
  /** JSON pointer (RFC 6901) into the arguments; never the value. */
  readonly argument: string;
  readonly role: ArgumentRole;
  /** It reaches outside: an address of mail or the web, an account number. */
  readonly address: boolean;
}

/** Values of one call that are looked at; further ones count as untrusted. */
const valuesMax = 64;
const depthMax = 16;
const pointerMax = 200;

const amountWords = wordSet('amount total sum price quantity');
const destinationWords = wordSet(
  'to recipient recipients cc bcc destination webhook url uri iban account channel email emails phone participant participants attendee attendees invitee invitees user users member members host domain endpoint callback address target receiver payee beneficiary creditor subscriber assignee reviewer wallet',
);
const objectWords = wordSet('path file filename key source');

function roleOfName(name: string): ArgumentRole {
  const parts = wordsOf(name);
  const has = (those: ReadonlySet<string>) => parts.some((part) => those.has(part));
  if (parts.includes('id') || parts.includes('ids')) return 'object';
  if (has(amountWords)) return 'amount';
  if (has(destinationWords)) return 'destination';
  return has(objectWords) ? 'object' : 'content';
}

function roleOf(name: string, roles: Classification['arguments']): ArgumentRole {
  if (name === roles.destination) return 'destination';
  if (name === roles.object) return 'object';
  return name === roles.amount ? 'amount' : roleOfName(name);
}

interface Value {
  readonly argument: string;
  readonly role: ArgumentRole;
  readonly value: string;
}

/** What holds a part of an address is compared by the addresses in it, never by its words. */
const holdsAddress = /@|\/\/|[\p{L}\p{N}-]\.\p{L}{2}/u;

/** The values of one string that decide. */
function* valuesIn(argument: string, role: ArgumentRole, text: string): Generator<Value> {
  if (role !== 'content' && !holdsAddress.test(text)) {
    if (text !== '') yield { argument, role, value: text };
    return;
  }
  if (role !== 'content' && reachesOutside(text)) {
    yield { argument, role, value: text };
    return;
  }
  const found = addressesIn(text, valuesMax + 1, role !== 'content');
  for (const value of found) yield { argument, role, value };
  // An address that cannot be made out is one all the same.
  if (role !== 'content' && found.length === 0) yield { argument, role, value: text };
}

/** Every value that decides, with the pointer to it. A member of an argument that is an object has the role of that argument, unless its own name says more. */
function* valuesOf(args: JsonObject, roles: Classification['arguments']): Generator<Value> {
  function* walk(value: Json, pointer: string, role: ArgumentRole, depth: number): Generator<Value> {
    if (value === null || typeof value === 'boolean') return;
    if (depth > depthMax) yield { argument: pointer, role: 'destination', value: unreadable };
    else if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) yield* walk(item, `${pointer}/${at}`, role, depth + 1);
    } else if (isJsonObject(value)) {
      for (const [name, item] of Object.entries(value)) {
        const below = `${pointer}/${pointerStep(name)}`;
        yield* valuesIn(below, 'content', name);
        const own = depth === 0 ? roleOf(name, roles) : roleOfName(name);
        yield* walk(item, below, own === 'content' ? role : own, depth + 1);
      }
    } else yield* valuesIn(pointer, role, String(value));
  }
  yield* walk(args, '', 'content', 0);
}

/** Where the deciding values of a call come from. */
export function argumentOrigins(
  memory: SessionMemory,
  args: JsonObject,
  roles: Classification['arguments'],
): ArgumentOrigin[] {
  const found: ArgumentOrigin[] = [];
  for (const { argument, role, value } of valuesOf(args, roles)) {
    const place = { argument: argument.slice(0, pointerMax), role };
    // What is not looked at may be anything.
    if (found.length >= valuesMax || value.includes(unreadable))
      found.push({ ...place, address: true, origin: 'untrusted' });
    else if (role === 'amount' && value.startsWith('-'))
      found.push({ ...place, address: false, origin: 'unknown' });
    else found.push({ ...place, address: reachesOutside(value), ...memory.find(value) });
    if (found.length > valuesMax) break;
  }
  return found;
}

/**
 * The deciding arguments of a tool as if each came from there, for questions about a tool and not about one call: arguments that its schema names at the top
 * and that have a role.
 */
export function rolesFrom(
  origin: Origin,
  names: readonly string[],
  roles: Classification['arguments'],
): ArgumentOrigin[] {
  return names.slice(0, valuesMax).flatMap((name) => {
    const role = roleOf(name, roles);
    return role === 'content'
      ? []
      : [
          {
            argument: `/${pointerStep(name)}`.slice(0, pointerMax),
            role,
            address: role === 'destination',
            origin,
          },
        ];
  });
}

/** The worst origin of the values that say where and to what, of those that reach outside, and of amounts; `none` where there is no such value. */
export function worstOrigins(
  found: readonly ArgumentOrigin[],
): Readonly<Record<'origin' | 'reach' | 'amount', Origin | 'none'>> {
  let [origin, reach, amount] = [-1, -1, -1];
  for (const each of found) {
    const rank = origins.indexOf(each.origin);
    if (each.role === 'amount') amount = Math.max(amount, rank);
    else origin = Math.max(origin, rank);
    if (each.address) reach = Math.max(reach, rank);
  }
  const word = (rank: number) => origins[rank] ?? 'none';
  return { origin: word(origin), reach: word(reach), amount: word(amount) };
}
