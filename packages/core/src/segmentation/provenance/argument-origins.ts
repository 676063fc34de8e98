/**
 * Room: segmentation (S-4). Which values of a call decide where something goes, what it is done to, and how much of it; and where each of them comes from. A
 * value of any other argument is content, of which only the addresses are looked at. Roles are those of the tool's classification, and for arguments that it does
 * not name those that their names say. Pure and bounded.
 */
import { wordsOf } from '../classify.ts';
import type { Classification } from '../../wire/feed.ts';
import { isJsonObject, type Json, type JsonObject } from '../../wire/json.ts';
import { addressesIn, isAddress } from './plain-text.ts';
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

/** Values of one call that are looked at; further ones count as unknown. */
const valuesMax = 64;
const depthMax = 16;
const pointerMax = 200;

const words = (text: string) => new Set(text.split(' '));
const amountWords = words('amount total sum price quantity');
const destinationWords = words(
  'to recipient recipients cc bcc destination webhook url uri iban account channel email emails phone participant participants attendee attendees invitee invitees user users member members host domain endpoint callback address target receiver',
);
const objectWords = words('path file filename key source');

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

/** Every value that decides, with the pointer to it. Members of an object that is an argument have roles of their own. */
function* valuesOf(args: JsonObject, roles: Classification['arguments']): Generator<Value> {
  function* walk(value: Json, pointer: string, role: ArgumentRole, depth: number): Generator<Value> {
    if (value === null || typeof value === 'boolean') return;
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) yield* walk(item, `${pointer}/${at}`, role, depth + 1);
    } else if (isJsonObject(value)) {
      if (depth > depthMax) yield { argument: pointer, role: 'destination', value: '' };
      else
        for (const [name, item] of Object.entries(value))
          yield* walk(item, `${pointer}/${escaped(name)}`, roleOfName(name), depth + 1);
    } else if (role === 'content') {
      for (const found of addressesIn(String(value), valuesMax + 1))
        yield { argument: pointer, role, value: found };
    } else if (value !== '') yield { argument: pointer, role, value: String(value) };
  }
  for (const [name, value] of Object.entries(args))
    yield* walk(value, `/${escaped(name)}`, roleOf(name, roles), 0);
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Where the deciding values of a call come from. */
export function argumentOrigins(
  memory: SessionMemory,
  args: JsonObject,
  roles: Classification['arguments'],
): ArgumentOrigin[] {
  const found: ArgumentOrigin[] = [];
  for (const { argument, role, value } of valuesOf(args, roles)) {
    const place = { argument: argument.slice(0, pointerMax), role };
    if (found.length >= valuesMax) {
      found.push({ ...place, address: true, origin: 'unknown' });
      break;
    }
    found.push({ ...place, address: isAddress(value), ...memory.find(value) });
  }
  return found;
}

/** The worst origin of some of them; `none` when there are none. */
export function worstOrigin(
  found: readonly ArgumentOrigin[],
  of: (each: ArgumentOrigin) => boolean,
): Origin | 'none' {
  return found
    .filter(of)
    .reduce<Origin | 'none'>(
      (worst, { origin }) =>
        worst === 'none' || origins.indexOf(origin) > origins.indexOf(worst) ? origin : worst,
      'none',
    );
}
