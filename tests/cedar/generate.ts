/**
 * Random Cedar policies, entities and requests that lean towards the corners: wrong types, missing attributes and entities,
 * deep hierarchies, 64-bit boundaries, extension values in and out of range, Unicode, stars and escapes in patterns.
 * Everything follows from the seed.
 */

/** mulberry32: small, and the same on every machine. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  some<T>(items: readonly T[], probability: number): T[] {
    return items.filter(() => this.chance(probability));
  }
  list<T>(countMax: number, make: () => T): T[] {
    return Array.from({ length: this.below(countMax + 1) }, make);
  }
}

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

const TYPES = [
  'bool',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'decimal',
  'ip',
  'datetime',
  'duration',
] as const;
type Type = (typeof TYPES)[number];

/** Attributes carry the type that is usually found under them. */
const ATTRIBUTES: Readonly<Record<Type, readonly string[]>> = {
  bool: ['flag', 'on'],
  long: ['n', 'm', 'count'],
  string: [
    's',
    'name',
    'key with space',
    'schlüssel',
    'if',
    '__entity',
    '__extn',
    '__proto__',
    'constructor',
  ],
  entity: ['owner', 'peer'],
  set: ['set', 'tags'],
  record: ['rec', 'deep'],
  decimal: ['dec'],
  ip: ['addr'],
  datetime: ['at'],
  duration: ['span'],
};
const ATTRIBUTE_NAMES = Object.values(ATTRIBUTES).flat();
/** Cedar's JSON form cannot hold these as plain names, so only policies speak of them. */
const JSON_ESCAPES = new Set(['__entity', '__extn', '__proto__']);

export const STRINGS = [
  '',
  'a',
  'ab',
  'abc',
  'aab',
  'a*b',
  '*',
  '**',
  'b*',
  '\\',
  '"',
  "'",
  'é',
  'e\u0301',
  '日本',
  '😀',
  '😀b',
  'a😀',
  '\u0000',
  '\n',
  '\t\r',
  '\u200b',
  '\uffff',
  '0',
  '-1',
  '1.5',
  '127.0.0.1',
  '2024-02-29',
  '1h',
  'User::"a"',
];
const SAFE_LONGS = [
  0, 1, -1, 2, 3, 7, 42, 255, 1000, 86400000, 2147483647, -2147483648, 4294967296, 9007199254740991,
  -9007199254740991,
];
export const LONG_TEXTS = [
  ...SAFE_LONGS.map(String),
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '3037000500',
  '4611686018427387904',
  '9223372036854775806',
  '9223372036854775807',
  '-9223372036854775807',
  '-9223372036854775808',
  '007',
];
export const TEXTS: Readonly<
  Record<
    'decimal' | 'ip' | 'datetime' | 'duration',
    readonly [valid: readonly string[], wrong: readonly string[]]
  >
> = {
  decimal: [
    [
      '0.0',
      '1.0',
      '1.5',
      '-1.5',
      '-0.5',
      '0.5',
      '0.50',
      '-0.0',
      '01.5',
      '123.4567',
      '922337203685477.5807',
      '-922337203685477.5808',
      '00000000000000000000000.1',
    ],
    [
      '1',
      '1.',
      '.5',
      '1.00000',
      '922337203685477.5808',
      '-922337203685477.5809',
      '+1.0',
      '1e3',
      ' 1.0',
      '1.0 ',
      '١.٠',
      '99999999999999999999.0',
      '1.-5',
      '--1.0',
    ],
  ],
  ip: [
    [
      '127.0.0.1',
      '127.0.0.1/32',
      '127.0.0.0/8',
      '10.0.0.0/8',
      '10.1.2.3',
      '10.1.2.3/24',
      '0.0.0.0/0',
      '255.255.255.255',
      '224.0.0.1',
      '224.0.0.0/4',
      '224.0.0.0/3',
      '239.1.1.1/31',
      '::1',
      '::1/128',
      '::1/127',
      '::',
      '::/0',
      'ff00::',
      'FF02::1/8',
      'ff00::/7',
      'fe80::1',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7::',
      '::2:3:4:5:6:7:8',
      '::ffff:7f00:1',
      '2001:DB8::/32',
      '2001:db8:0:0:0:0:0:1',
    ],
    [
      '',
      '127.0.0',
      '127.0.0.1.1',
      '256.0.0.1',
      '01.2.3.4',
      '1.2.3.4/33',
      '1.2.3.4/08',
      '1.2.3.4/',
      '1.2.3.4/+8',
      '1.2.3.4/8/8',
      '::ffff:127.0.0.1',
      '1::2::3',
      ':::',
      ':',
      '1:2:3:4:5:6:7',
      '1:2:3:4::5:6:7:8',
      '12345::',
      '::g',
      '::/129',
      '::1%eth0',
      '[::1]',
      ' ::1',
      '0000:0000:0000:0000:0000:0000:0000:0001/1280',
      '1.2.3.4:80',
      '::1/-1',
      '/8',
      '1.2.3.a',
    ],
  ],
  datetime: [
    [
      '1970-01-01',
      '1970-01-01T00:00:00Z',
      '1969-12-31T23:59:59.999Z',
      '2024-02-29',
      '2024-02-29T12:34:56.789Z',
      '2024-03-01T00:00:00+0130',
      '2024-02-29T22:30:00Z',
      '2024-02-29T23:59:59.999-2359',
      '0000-01-01',
      '0001-12-31',
      '0099-06-15',
      '1900-02-28',
      '2000-02-29',
      '9999-12-31T23:59:59.999Z',
      '0000-01-01T00:00:00+2359',
    ],
    [
      '',
      '2024',
      '2024-2-9',
      '2023-02-29',
      '1900-02-29',
      '2024-13-01',
      '2024-00-01',
      '2024-04-31',
      '2024-01-00',
      '2024-01-01T',
      '2024-01-01T00:00:00',
      '2024-01-01T24:00:00Z',
      '2024-01-01T00:60:00Z',
      '2024-01-01T23:59:60Z',
      '2024-01-01T00:00:00.1Z',
      '2024-01-01T00:00:00.1234Z',
      '2024-01-01T00:00:00+2400',
      '2024-01-01T00:00:00+0060',
      '2024-01-01T00:00:00+01:00',
      '2024-01-01 00:00:00Z',
      '2024-01-01Z',
      '-2024-01-01',
      '10000-01-01',
      '2024-01-01T00:00:00z',
      '2024-01-01\n',
    ],
  ],
  duration: [
    [
      '0ms',
      '1ms',
      '-1ms',
      '1s',
      '1m',
      '1h',
      '1d',
      '24h',
      '1d2h3m4s5ms',
      '-1d2h3m4s5ms',
      '90m',
      '86400s',
      '0d0h',
      '00001s',
      '9223372036854775807ms',
      '-9223372036854775808ms',
      '106751991167d',
      '106751991167d7h12m55s807ms',
      '-106751991167d7h12m55s808ms',
    ],
    [
      '',
      '-',
      '1',
      'ms',
      '1x',
      '1h1d',
      '1ms1s',
      '1.5h',
      '+1h',
      '--1h',
      ' 1h',
      '1h ',
      '9223372036854775808ms',
      '-9223372036854775809ms',
      '18446744073709551616ms',
      '106751991168d',
      '106751991167d7h12m55s808ms',
      '99999999999999999999d',
      '1H',
    ],
  ],
};
const CONSTRUCTORS = { decimal: 'decimal', ip: 'ip', datetime: 'datetime', duration: 'duration' } as const;
const ENTITY_TYPES = ['User', 'Group', 'Doc', 'N::Thing', 'N::M::Thing'];
const ENTITY_IDS = ['a', 'b', 'é', '日本', '😀', 'q"uote', 'back\\slash', '', 'new\nline', '0'];
const ACTIONS = ['read', 'write', 'send mail', 'all', 'é'];
const LEVELS = 10;
const DEPTH_MAX = 5;
const WRONG_TYPE = 0.07;

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
