/**
 * Random Cedar policies, entities and requests that lean towards the corners: wrong types, missing attributes and entities,
 * deep hierarchies, 64-bit boundaries, extension values in and out of range, Unicode, stars and escapes in patterns.
 * Everything follows from the seed.
 */

import {
  ACTIONS,
  ATTRIBUTES,
  ATTRIBUTE_NAMES,
  CONSTRUCTORS,
  DEPTH_MAX,
  ENTITY_IDS,
  ENTITY_TYPES,
  JSON_ESCAPES,
  LEVELS,
  LONG_TEXTS,
  SAFE_LONGS,
  STRINGS,
  TEXTS,
  TYPES,
  WRONG_TYPE,
  type Type,
} from './edge-values.ts';
import type { Random } from './random.ts';

export interface Uid {
  readonly type: string;
  readonly id: string;
}
export interface EntityJson {
  readonly uid: Uid;
  readonly attrs: Record<string, unknown>;
  readonly parents: readonly Uid[];
  readonly tags: Record<string, unknown>;
}
export interface World {
  readonly policies: readonly { readonly id: string; readonly text: string }[];
  readonly entities: readonly EntityJson[];
}
export interface Request {
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: Record<string, unknown>;
}

const group = (level: number): Uid => ({ type: 'Group', id: `g${level}` });
const action = (id: string): Uid => ({ type: 'Action', id });

/** Text inside quotes: characters as they are, or as one of Cedar's escapes. */
export const escapeText = (random: Random, text: string, pattern: boolean): string =>
  Array.from(text, (char) => {
    if (char === '"') return '\\"';
    if (char === '\\') return '\\\\';
    if (char === '*' && pattern) return '\\*';
    if (char === '\n') return '\\n';
    if (char === '\u0000') return '\\0';
    if (char < ' ' || random.chance(0.1)) return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
    return char;
  }).join('');

export class Generator {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }

  #uid(): Uid {
    const random = this.#random;
    if (random.chance(0.35)) return group(random.below(LEVELS + 1));
    if (random.chance(0.1)) return action(random.pick(ACTIONS));
    return { type: random.pick(ENTITY_TYPES), id: random.pick(ENTITY_IDS) };
  }

  /** A value in Cedar's JSON form; integers are safe ones, because the library rounds others at this door. */
  #json(type: Type, depth: number): unknown {
    const random = this.#random;
    switch (type) {
      case 'bool':
        return random.chance(0.5);
      case 'long':
        return random.pick(SAFE_LONGS);
      case 'string':
        return random.pick(STRINGS);
      case 'entity':
        return { __entity: this.#uid() };
      case 'set': {
        const element = random.pick(TYPES);
        return random.list(4, () =>
          this.#json(
            depth > 2 || random.chance(0.7) ? (depth > 2 ? 'long' : element) : random.pick(TYPES),
            depth + 1,
          ),
        );
      }
      case 'record':
        return depth > 3 ? {} : this.#jsonRecord(depth + 1);
      default:
        return { __extn: { fn: CONSTRUCTORS[type], arg: random.pick(TEXTS[type][0]) } };
    }
  }

  #jsonRecord(depth: number): Record<string, unknown> {
    const random = this.#random;
    const record: Record<string, unknown> = {};
    for (const type of TYPES) {
      for (const name of random.some(ATTRIBUTES[type], [0.45, 0.2, 0.1][depth] ?? 0.1)) {
        if (!JSON_ESCAPES.has(name))
          record[name] = this.#json(random.chance(WRONG_TYPE) ? random.pick(TYPES) : type, depth + 1);
      }
    }
    return record;
  }

  entities(): EntityJson[] {
    const random = this.#random;
    // The library reads all entities anew for each request, so what they hold decides how long the test runs.
    const describe = (uid: Uid, parents: readonly Uid[], richness = 1): EntityJson => ({
      uid,
      attrs: random.chance(richness) ? this.#jsonRecord(1) : {},
      parents,
      tags: random.chance(richness / 3) ? this.#jsonRecord(2) : {},
    });
    const entities: EntityJson[] = [];
    // A chain with shortcuts; a level that is left out stays a parent of others and is then a dangling reference.
    for (let level = 0; level < LEVELS; level++) {
      const further = random.list(1, () => group(level + 1 + random.below(LEVELS - level)));
      if (random.chance(0.93))
        entities.push(
          describe(group(level), [...(random.chance(0.9) ? [group(level + 1)] : []), ...further], 0.05),
        );
    }
    for (const [index, id] of ACTIONS.entries()) {
      if (random.chance(0.8))
        entities.push({
          uid: action(id),
          attrs: {},
          parents: random.some(ACTIONS.slice(index + 1), 0.3).map(action),
          tags: {},
        });
    }
    for (const type of ENTITY_TYPES.filter((name) => name !== 'Group')) {
      for (const id of random.some(ENTITY_IDS, 0.2)) {
        const above = type === 'User' ? [] : [{ type: 'User', id: random.pick(ENTITY_IDS) }];
        const groups = random.list(2, () => group(random.below(LEVELS + 1)));
        entities.push(describe({ type, id }, random.chance(0.2) ? [...groups, ...above] : groups));
      }
    }
    return entities;
  }

  request(): Request {
    const random = this.#random;
    return {
      principal: random.chance(0.7) ? { type: 'User', id: random.pick(ENTITY_IDS) } : this.#uid(),
      action: action(random.pick(ACTIONS)),
      resource: this.#uid(),
      context: this.#jsonRecord(0),
    };
  }

  #string(text: string): string {
    return `"${escapeText(this.#random, text, false)}"`;
  }

  #uidText(uid: Uid): string {
    return `${uid.type}::${this.#string(uid.id)}`;
  }

  #pattern(): string {
    const random = this.#random;
    const pieces = random.list(4, () =>
      random.chance(0.45) ? '*' : escapeText(random, random.pick(STRINGS), true),
    );
    return `"${pieces.join('')}"`;
  }

  #access(type: Type, depth: number): string {
    const random = this.#random;
    const name = random.chance(0.92) ? random.pick(ATTRIBUTES[type]) : random.pick(ATTRIBUTE_NAMES);
    const of = random.chance(0.5)
      ? 'context'
      : this.expression(random.chance(0.6) ? 'entity' : 'record', depth + 1);
    const plain = /^[a-z]+$/.test(name) && name !== 'if';
    return plain && random.chance(0.8) ? `${of}.${name}` : `${of}[${this.#string(name)}]`;
  }

  #bool(depth: number): string {
    const random = this.#random;
    const sub = (type: Type): string => this.expression(type, depth + 1);
    const same = random.pick(TYPES);
    const binary = (left: Type, operator: string, right: Type): string =>
      `(${sub(left)} ${operator} ${sub(right)})`;
    return random.pick([
      () => random.pick(['true', 'false']),
      () => binary('bool', '&&', 'bool'),
      () => binary('bool', '||', 'bool'),
      () => `!(${sub('bool')})`,
      () => binary(same, random.pick(['==', '!=']), same),
      () => binary(same, random.pick(['==', '!=']), random.pick(TYPES)),
      () => binary('long', random.pick(['<', '<=', '>', '>=']), 'long'),
      () => {
        const ordered = random.pick(['datetime', 'duration'] as const);
        return binary(ordered, random.pick(['<', '<=', '>', '>=']), ordered);
      },
      () => binary('entity', 'in', 'entity'),
      () => `(${sub('entity')} in [${random.list(4, () => sub('entity')).join(', ')}])`,
      () => binary('entity', 'in', 'set'),
      () => this.#has(depth),
      () => this.#has(depth),
      () => `(${sub('string')} like ${this.#pattern()})`,
      () => `(${sub('string')} like ${this.#pattern()})`,
      () => `(${sub('entity')} is ${random.pick(ENTITY_TYPES)})`,
      () => `(${sub('entity')} is ${random.pick(ENTITY_TYPES)} in ${sub(random.pick(['entity', 'set']))})`,
      () => `${sub('set')}.contains(${sub(random.pick(TYPES))})`,
      () => `${sub('set')}.${random.pick(['containsAll', 'containsAny'])}(${sub('set')})`,
      () => `${sub('set')}.isEmpty()`,
      () => `${sub('entity')}.hasTag(${sub('string')})`,
      () =>
        `${sub('decimal')}.${random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${sub('decimal')})`,
      () => `${sub('ip')}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`,
      () => `${sub('ip')}.isInRange(${sub('ip')})`,
    ])();
  }

  #has(depth: number): string {
    const random = this.#random;
    const left = this.expression(random.chance(0.6) ? 'entity' : 'record', depth + 1);
    const names = ATTRIBUTE_NAMES.filter((name) => /^[a-z]+$/.test(name) && name !== 'if');
    if (random.chance(0.4))
      return `(${left} has ${[random.pick(['rec', 'deep', 'owner']), random.pick(names), ...random.list(1, () => random.pick(names))].join('.')})`;
    return `(${left} has ${this.#string(random.pick(ATTRIBUTE_NAMES))})`;
  }

  #long(depth: number): string {
    const random = this.#random;
    const sub = (type: Type): string => this.expression(type, depth + 1);
    return random.pick([
      () => `(${sub('long')} ${random.pick(['+', '-', '*'])} ${sub('long')})`,
      () => `(${sub('long')} ${random.pick(['+', '-', '*'])} ${sub('long')})`,
      () => `-(${sub('long')})`,
      () =>
        `${sub('duration')}.${random.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`,
    ])();
  }

  #extension(type: 'decimal' | 'ip' | 'datetime' | 'duration', depth: number): string {
    const random = this.#random;
    const sub = (wanted: Type): string => this.expression(wanted, depth + 1);
    if (random.chance(0.3) && type === 'datetime') {
      return random.chance(0.6)
        ? `${sub('datetime')}.offset(${sub('duration')})`
        : `${sub('datetime')}.toDate()`;
    }
    if (random.chance(0.3) && type === 'duration') {
      return random.chance(0.6)
        ? `${sub('datetime')}.durationSince(${sub('datetime')})`
        : `${sub('datetime')}.toTime()`;
    }
    return `${CONSTRUCTORS[type]}(${sub('string')})`;
  }

  #leaf(type: Type): string {
    const random = this.#random;
    switch (type) {
      case 'bool':
        return random.pick(['true', 'false']);
      case 'long': {
        const text = random.pick(LONG_TEXTS);
        return text.startsWith('-') ? `(${text})` : text;
      }
      case 'string':
        return this.#string(random.pick(STRINGS));
      case 'entity':
        return random.chance(0.5)
          ? random.pick(['principal', 'action', 'resource'])
          : this.#uidText(this.#uid());
      case 'set':
        return `[${random.list(3, () => this.#leaf(random.pick(['long', 'string', 'entity']))).join(', ')}]`;
      case 'record':
        return 'context';
      default:
        return `${CONSTRUCTORS[type]}(${this.#string(random.pick(TEXTS[type][random.chance(0.8) ? 0 : 1]))})`;
    }
  }

  /** An expression that usually, not always, has the wanted type. */
  expression(wanted: Type, depth: number): string {
    const random = this.#random;
    const type = random.chance(WRONG_TYPE) ? random.pick(TYPES) : wanted;
    if (depth >= DEPTH_MAX || random.chance(0.15 + depth * 0.08)) return this.#leaf(type);
    if (random.chance(0.25)) return this.#access(type, depth);
    if (random.chance(0.05)) {
      return `(if ${this.expression('bool', depth + 1)} then ${this.expression(type, depth + 1)} else ${this.expression(type, depth + 1)})`;
    }
    if (random.chance(0.04))
      return `${this.expression('entity', depth + 1)}.getTag(${this.expression('string', depth + 1)})`;
    switch (type) {
      case 'bool':
        return this.#bool(depth);
      case 'long':
        return this.#long(depth);
      case 'set': {
        const element = random.pick(TYPES);
        return `[${random.list(3, () => this.expression(element, depth + 1)).join(', ')}]`;
      }
      case 'record': {
        const names = [...new Set(random.list(3, () => random.pick(ATTRIBUTE_NAMES)))];
        const literal = names.map(
          (name) => `${this.#string(name)}: ${this.expression(random.pick(TYPES), depth + 1)}`,
        );
        return random.chance(0.5) ? 'context' : `{${literal.join(', ')}}`;
      }
      case 'decimal':
      case 'ip':
      case 'datetime':
      case 'duration':
        return this.#extension(type, depth);
      default:
        return this.#leaf(type);
    }
  }

  #scope(variable: 'principal' | 'resource'): string {
    const random = this.#random;
    const uid = this.#uidText(this.#uid());
    const deep = this.#uidText(group(random.below(LEVELS + 1)));
    const type = random.pick(ENTITY_TYPES);
    return random.pick([
      variable,
      variable,
      variable,
      variable,
      `${variable} == ${uid}`,
      `${variable} in ${deep}`,
      `${variable} in ${uid}`,
      `${variable} is ${type}`,
      `${variable} is ${type} in ${deep}`,
    ]);
  }

  #actionScope(): string {
    const random = this.#random;
    const uid = (): string => this.#uidText(action(random.pick(ACTIONS)));
    return random.pick([
      'action',
      'action',
      'action',
      `action == ${uid()}`,
      `action in ${uid()}`,
      `action in [${random.list(4, uid).join(', ')}]`,
    ]);
  }

  /** Deep ones, which mix everything and often fail, and shallow ones, which bring an operator to its edge. */
  #condition(): string {
    return this.#random.chance(0.5)
      ? this.expression('bool', 0)
      : this.#bool(DEPTH_MAX - 1 - this.#random.below(2));
  }

  policy(forbids: boolean): string {
    const random = this.#random;
    const effect = forbids && random.chance(0.4) ? 'forbid' : 'permit';
    const clauses = random.list(
      2,
      () => `${random.pick(['when', 'when', 'unless'])} { ${this.#condition()} }`,
    );
    return `${effect}(${this.#scope('principal')}, ${this.#actionScope()}, ${this.#scope('resource')})\n${clauses.join('\n')};`;
  }

  world(policyCount: number): World {
    const forbids = this.#random.chance(0.4);
    const policies = Array.from({ length: policyCount }, (_, index) => ({
      id: `p${index}`,
      text: this.policy(forbids),
    }));
    return { policies, entities: this.entities() };
  }
}
