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
    ['one more checkpoint', { checkpoints: [...before.checkpoints, { class: 'send', reason: 'mail' }] }, []],
    ['another model', { model: { provider: 'p', name: 'm', version: '2' } }, ['model']],
    ['another purpose', { purpose: 'sells' }, ['purpose']],
    ['another domain', { domain: 'sales' }, ['domain']],
    ['one more data domain', { dataDomains: ['orders', 'finance', 'people'] }, ['dataDomains']],
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
