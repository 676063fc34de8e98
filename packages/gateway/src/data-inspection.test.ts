/** Detectors of a company's own are held to the same as those that ship, also where a schema wants the form of what is masked, and inside links. */
import type { JsonObject } from '@atf/core/wire/json';
import { describe, expect, it } from 'vitest';
import { argumentVerdicts, inspectResult } from './data-inspection.ts';
import { settingsDoc } from './testing/documents.fixture.ts';

const settings = {
  ...settingsDoc,
  sensitive: {
    masked: { intern: ['own.employee'], junior: [], senior: [], principal: [] },
    neverSent: ['own.employee'],
  },
  detectors: [
    {
      id: 'own.employee',
      summary: 'Employee numbers',
      category: 'PII' as const,
      channels: ['read' as const, 'sent' as const],
      ignoreCase: false,
      expression: String.raw`EMP-\d{6}`,
      examples: { found: ['EMP-004711'], clean: ['EMP-12'] },
    },
  ],
};
const number = 'EMP-004711';

describe('what a detector of a company finds', () => {
  it('is masked in its own form where the schema of the tool takes no placeholder', async () => {
    const structuredContent = { id: number };
    const { result } = await inspectResult(
      { content: [{ type: 'text', text: number }], structuredContent },
      { level: 'intern', settings, max: 10_000, asking: { ask: undefined, agentId: 'a' } },
      (given) => /^[A-Z]{3}-\d{6}$/.test(String((given.structuredContent as JsonObject)['id'])),
    );
    expect(JSON.stringify(result)).not.toContain('4711');
    expect(result?.structuredContent).toEqual({ id: 'XXX-000000' });
  });

  it('is never sent, and counts in a link as elsewhere', () => {
    const said = (body: string) =>
      argumentVerdicts({ body }, { action: 'send', level: 'senior', settings })
        .filter(({ verdict }) => verdict === 'block')
        .map(({ detector }) => detector);
    expect(said(`it was ${number}`)).toContain('own.employee');
    const inLink = said(`see https://collect.example.net/pixel?d=${number}`);
    expect(inLink.length).toBeGreaterThan(1);
    expect(said('see https://collect.example.net/pixel?d=news')).toEqual([]);
  });
});

describe('what nobody could look at, or other settings looked for', () => {
  const blocked = (args: JsonObject, of: typeof settingsDoc, action: 'read' | 'write' | 'send' = 'send') =>
    argumentVerdicts(args, { action, level: 'senior', settings: of })
      .filter(({ verdict }) => verdict === 'block')
      .flatMap(({ labels }) => labels);
  const saying = (neverSent: string[], sent?: 'label') => ({
    ...settingsDoc,
    sensitive: {
      ...{ masked: { intern: [], junior: [], senior: [], principal: [] }, neverSent },
      ...(sent === undefined ? {} : { uninspected: { sent, withheld: [] } }),
    },
  });

  it('bytes that go to a service while they come are not sent outside, unless settings say so', () => {
    const upload: JsonObject = { body: { bytes: 3_145_728, sha256: 'A'.repeat(43) } };
    expect(blocked(upload, settingsDoc)).toEqual(['uninspected']);
    expect(blocked(upload, settingsDoc, 'write')).toEqual([]);
    expect(blocked(upload, saying(['PCI'], 'label'))).toEqual([]);
    expect(argumentVerdicts(upload, { action: 'write', level: 'senior', settings: settingsDoc })).toEqual([
      expect.objectContaining({ verdict: 'label', labels: ['uninspected'] }),
    ]);
  });

  it('the same arguments are looked at again for what is never sent by now', () => {
    const body = btoa('amara.okafor@example.com paid with 4111 1111 1111 1111');
    const args: JsonObject = { body };
    expect(blocked(args, saying([]))).toEqual([]);
    expect(blocked(args, saying(['PCI']))).toEqual(['PCI']);
  });
});
