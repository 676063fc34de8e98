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
