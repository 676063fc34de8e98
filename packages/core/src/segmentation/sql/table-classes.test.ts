import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Classification } from '../../wire/documents.ts';
import type { ToolDoc } from '../../wire/feed.ts';
import { isWithin, labelsOfTool } from '../flow.ts';
import { ofAnyTable, ofTables } from './table-classes.ts';

const classification: Classification = {
  class: 'read',
  sensitivity: 'internal',
  outputTrust: 'trusted',
  domain: 'orders',
  reversible: true,
  idempotent: true,
  writeSafe: false,
  arguments: { sql: 'sql' },
  by: 'person',
  database: {
    dialect: 'postgresql',
    schema: 'public',
    tables: {
      payroll: { sensitivity: 'restricted' },
      holidays: { sensitivity: 'public' },
      tickets: { outputTrust: 'untrusted' },
      'hr.reviews': { sensitivity: 'confidential' },
    },
  },
};
const tool = { server: 'warehouse', name: 'query', classification } as unknown as ToolDoc;
const using = (tables: readonly string[], of: ToolDoc = tool) =>
  ofTables(of, {
    verdict: 'read',
    uses: tables.map((table) => ({ table, operation: 'read', columns: [] })),
  });
const of = (confidentiality: string, integrity: string) => ({ confidentiality, integrity });

describe('a statement', () => {
  it.each<[string, string[], ReturnType<typeof of>]>([
    ['that no entry is about is as the tool is', ['public.orders'], of('internal', 'trusted')],
    ['without a table, too', [], of('internal', 'trusted')],
    ['is as its table is', ['public.payroll'], of('restricted', 'trusted')],
    ['may be more harmless than its tool', ['public.holidays'], of('public', 'trusted')],
    ['has the rest from its tool', ['public.tickets'], of('internal', 'untrusted')],
    [
      'is as strict as the strictest table',
      ['public.holidays', 'public.tickets', 'hr.reviews'],
      of('confidential', 'untrusted'),
    ],
    ['in another case is as strict', ['public.Payroll'], of('restricted', 'trusted')],
    ['in another case is no more harmless', ['public.HOLIDAYS'], of('internal', 'trusted')],
    ['of another schema is of another table', ['archive.payroll'], of('internal', 'trusted')],
  ])('%s', (_, tables, labels) => {
    expect(labelsOfTool(using(tables))).toEqual(labels);
  });

  it('is as strict where nobody has said in which schema the database looks', () => {
    const { schema: _, ...database } = classification.database ?? { dialect: 'postgresql' };
    const unsaid = { ...tool, classification: { ...classification, database } };
    expect(labelsOfTool(using(['archive.payroll'], unsaid))).toEqual(of('restricted', 'trusted'));
    expect(labelsOfTool(using(['reviews'], unsaid))).toEqual(of('confidential', 'trusted'));
  });

  it('that is not known is the worst of all, and no statement is worse than that', () => {
    const worst = labelsOfTool(ofAnyTable(tool));
    expect(worst).toEqual(of('restricted', 'untrusted'));
    const refused = { verdict: 'refused', code: 'segmentation.query_unreadable', problem: '' } as const;
    for (const fact of [undefined, { verdict: 'any' } as const, refused])
      expect(ofTables(tool, fact)).toBe(tool);
    const names = fc.constantFrom('public.payroll', 'public.holidays', 'Tickets', 'hr.reviews', 'x.orders');
    fc.assert(fc.property(fc.array(names), (tables) => isWithin(labelsOfTool(using(tables)), worst)));
  });

  it('is looked at once: what it came to is not looked at again', () => {
    const once = using(['public.holidays']);
    expect(ofAnyTable(once)).toBe(once);
  });
});
