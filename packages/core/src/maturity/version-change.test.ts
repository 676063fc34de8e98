import { describe, expect, it } from 'vitest';
import { type Manifest, manifestSchema } from '../wire/manifest.ts';
import { versionChange } from './version-change.ts';

const before: Manifest = manifestSchema.parse({
  name: 'a',
  version: '1.0.0',
  owner: 'o@example.com',
  technicalOwner: 't@example.com',
  businessOwner: 'b@example.com',
  purpose: 'answers customers',
  domain: 'support',
  dataDomains: ['orders', 'finance'],
  capabilities: ['read orders', 'refund'],
  tools: ['shop/read', 'shop/refund'],
  limits: [{ tool: 'shop/refund', calls: { max: 10, perSeconds: 60 }, amountMax: 100, currency: 'EUR' }],
  checkpoints: [{ tool: 'shop/refund', reason: 'money' }],
  escalation: 'b@example.com',
  model: { provider: 'p', name: 'm', version: '1' },
});

describe('what a new version keeps', () => {
  it.each<[string, Partial<Manifest>, string[]]>([
    ['the same model in another order', { model: { version: '1', name: 'm', provider: 'p' } }, []],
    ['another version number alone', { version: '1.0.1' }, []],
    ['another contact', { escalation: 'x@example.com', owner: 'y@example.com', serviceHours: 'always' }, []],
    ['fewer tools', { tools: ['shop/read'] }, []],
    ['fewer domains', { dataDomains: ['orders'] }, []],
    [
      'a lower limit',
      {
        limits: [{ tool: 'shop/refund', calls: { max: 5, perSeconds: 60 }, amountMax: 50, currency: 'EUR' }],
      },
      [],
    ],
    [
      'a total beside what was limited before',
      {
        limits: [
          ...before.limits,
          { tool: 'shop/refund', currency: 'EUR', total: { amount: 900, per: 'day' } },
        ],
      },
      [],
    ],
    ['hours', { windows: [{ days: ['mon'], timeZone: 'UTC' }] }, []],
    [
      'another domain for a time',
      { otherDomains: [{ domain: 'people', because: 'names', until: '2027-01-01' }] },
      ['otherDomains'],
    ],
    ['one more checkpoint', { checkpoints: [...before.checkpoints, { class: 'send', reason: 'mail' }] }, []],
    ['another model', { model: { provider: 'p', name: 'm', version: '2' } }, ['model']],
    ['another purpose', { purpose: 'sells' }, ['purpose']],
    ['another domain', { domain: 'sales' }, ['domain']],
    ['one more data domain', { dataDomains: ['orders', 'finance', 'people'] }, ['dataDomains']],
    [
      'tables for a tool',
      { databases: [{ tool: 'shop/read', tables: { orders: ['read'] } }] },
      ['databases'],
    ],
    ['no table for a tool', { databases: [{ tool: 'shop/read', tables: {} }] }, []],
    ['one more tool', { tools: [...before.tools, 'shop/delete'] }, ['tools']],
    [
      'a higher amount',
      {
        limits: [
          { tool: 'shop/refund', calls: { max: 10, perSeconds: 60 }, amountMax: 100.01, currency: 'EUR' },
        ],
      },
      ['limits'],
    ],
    [
      'the same rate in a larger burst',
      {
        limits: [
          { tool: 'shop/refund', calls: { max: 600, perSeconds: 3600 }, amountMax: 100, currency: 'EUR' },
        ],
      },
      ['limits'],
    ],
    [
      'a first limit on a tool, which a Senior may then write alone',
      { limits: [...before.limits, { tool: 'shop/read', calls: { max: 1_000_000, perSeconds: 1 } }] },
      ['limits'],
    ],
    [
      'a rate of its own in place of its level’s',
      { limits: [...before.limits, { calls: { max: 1_000_000, perSeconds: 1 } }] },
      ['limits'],
    ],
    [
      'a second limit on a tool that has one',
      { limits: [...before.limits, { tool: 'shop/refund', amountMax: 20 }] },
      [],
    ],
    ['a limit gone', { limits: [] }, ['limits']],
    ['a checkpoint gone', { checkpoints: [] }, ['checkpoints']],
    ['the right to spawn', { maySpawn: true }, ['maySpawn']],
    ['two at once', { purpose: 'sells', maySpawn: true }, ['purpose', 'maySpawn']],
  ])('%s', (_name, bend, because) => {
    expect(versionChange(before, { ...before, ...bend })).toEqual({
      ceiling: because.length > 0 ? 'intern' : undefined,
      because,
    });
  });
});

describe('which agents it may start, and how far', () => {
  const spawner: Manifest = { ...before, maySpawn: true, mayStart: ['one', 'two'], cascade: { depthMax: 2 } };
  it.each<[string, Partial<Manifest>, string[]]>([
    ['fewer', { mayStart: ['one'] }, []],
    ['another one', { mayStart: ['one', 'three'] }, ['mayStart']],
    ['any', { mayStart: undefined }, ['mayStart']],
    ['less deep, and not as wide', { cascade: { depthMax: 1, fanOutMax: 1 } }, []],
    ['deeper', { cascade: { depthMax: 3 } }, ['cascade']],
    ['as deep as settings say', { cascade: undefined }, ['cascade']],
    ['nobody any more', { maySpawn: false, mayStart: undefined, cascade: undefined }, []],
  ])('%s', (_, bend, because) => {
    expect(versionChange(spawner, { ...spawner, ...bend }).because).toEqual(because);
  });
});

describe('tables', () => {
  const rights = (tables: NonNullable<Manifest['databases']>[number]['tables'] | undefined): Manifest => ({
    ...before,
    ...(tables === undefined ? {} : { databases: [{ tool: 'shop/read', tables }] }),
  });
  const had = rights({ orders: { read: ['id', 'total'], update: 'all' }, notes: ['read'] });

  it.each<[string, Manifest, boolean]>([
    ['a column less', rights({ orders: { read: ['id'] }, notes: ['read'] }), false],
    ['a table less', rights({ notes: ['read'] }), false],
    ['columns in place of all', rights({ orders: { update: ['total'] }, notes: { read: ['text'] } }), false],
    ['a column more', rights({ orders: { read: ['id', 'owner'] } }), true],
    ['all in place of columns', rights({ orders: ['read'] }), true],
    ['an operation more', rights({ orders: { read: ['id'], insert: ['id'] } }), true],
    ['a table more', rights({ payroll: ['read'] }), true],
    ['the same name in a schema', rights({ 'public.notes': ['read'] }), true],
    ['no list at all, after which the tool may not be taken for SQL', rights(undefined), true],
  ])('%s', (_name, after, widened) =>
    expect(versionChange(had, after).because).toEqual(widened ? ['databases'] : []),
  );
});

describe('what a next version loosens of totals, times and domains', () => {
  const limit = { tool: 'shop/refund', calls: { max: 10, perSeconds: 60 } };
  const money = { tool: 'shop/refund', currency: 'EUR', total: { amount: 900, per: 'day' as const } };
  const monday = { days: ['mon' as const], timeZone: 'UTC' };
  const given = { domain: 'people', because: 'names', until: '2027-01-01' };
  it.each<[string, Partial<Manifest>, Partial<Manifest>, string[]]>([
    ['a first amount, however it is bounded', { limits: [limit] }, { limits: [limit, money] }, ['limits']],
    [
      'a larger total',
      { limits: [money] },
      { limits: [{ ...money, total: { amount: 901, per: 'day' } }] },
      ['limits'],
    ],
    [
      'another period',
      { limits: [money] },
      { limits: [{ ...money, total: { amount: 900, per: 'hour' } }] },
      ['limits'],
    ],
    [
      'a smaller total',
      { limits: [money] },
      { limits: [{ ...money, total: { amount: 1, per: 'day' } }] },
      [],
    ],
    ['more at one time', { limits: [{ concurrent: 1 }] }, { limits: [{ concurrent: 2 }] }, ['limits']],
    ['hours that are gone', { windows: [monday] }, {}, ['windows']],
    ['another day', { windows: [monday] }, { windows: [monday, { ...monday, days: ['tue'] }] }, ['windows']],
    [
      'hours of one tool in place of those for all',
      { windows: [monday] },
      { windows: [monday, { tool: 'shop/refund', from: '2020-01-01', timeZone: 'UTC' }] },
      ['windows'],
    ],
    ['the same hours', { windows: [monday] }, { windows: [{ timeZone: 'UTC', days: ['mon'] }] }, []],
    [
      'a domain for longer',
      { otherDomains: [given] },
      { otherDomains: [{ ...given, until: '2027-01-02' }] },
      ['otherDomains'],
    ],
    [
      'a domain for less',
      { otherDomains: [given] },
      { otherDomains: [{ ...given, until: '2026-12-31' }] },
      [],
    ],
  ])('%s', (_, was, is, because) => {
    expect(
      versionChange({ ...before, ...was }, { ...before, ...was, windows: [], otherDomains: [], ...is })
        .because,
    ).toEqual(because);
  });
});
