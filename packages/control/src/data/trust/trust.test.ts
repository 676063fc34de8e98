/** Trust of retrieval sources over the real database, under a clock that is moved: counted out of records, told to gateways, and to people once. */
import type { Entry } from '@atf/core/audit/entry';
import { classify } from '@atf/core/segmentation/classify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putTool } from '../../segmentation/store.ts';
import { listSources, setSource } from '../../segmentation/sources.ts';
import { type TestControl, testControl } from '../../workspace/control.fixture.ts';
import { type Domain, domainOf } from '../../workspace/domain.fixture.ts';
import { noteChanged, noteSources } from './intake.ts';
import { TrustWatch } from './trust.ts';

const dayMs = 86_400_000;
const tool = 'archive/search';

let control: TestControl;
let domain: Domain;
let watch: TrustWatch;
beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
  watch = new TrustWatch(control);
  const { tenant } = control.config;
  await control.change(async (tx) => {
    await tx
      .insertInto('tool_server')
      .values({
        tenant,
        name: 'archive',
        transport: JSON.stringify({ kind: 'stdio' }),
        domain: 'orders',
        output_trust: 'trusted',
        stateless: true,
        epoch: 1,
        registered_at: 0,
        registered_by: domain.owner.id,
        discovered_at: null,
        fault: null,
        credential: null,
        credential_kid: null,
        credential_box: null,
      })
      .execute();
    const guessed = classify({ name: 'search' }, { domain: 'orders', outputTrust: 'trusted', siblings: [] });
    await putTool(tx, {
      tenant,
      server: 'archive',
      name: 'search',
      state: 'active',
      why: null,
      accepted: true,
      reviewed: true,
      definition_digest: 'A'.repeat(43),
      definition: '{"name":"search"}',
      offered_digest: null,
      offered: null,
      acknowledged: [],
      classification: {
        ...guessed,
        class: 'read',
        sensitivity: 'internal',
        outputTrust: 'trusted',
        by: 'person',
      },
      sources: [],
      epoch: 0,
      updated_at: 0,
    });
    const level = {
      confidentiality: 'internal',
      integrity: 'trusted',
      categories: ['PII' as const],
    } as const;
    await setSource(control, tx, { tool, index: 'docs', ...level, categories: ['PII'] }, domain.owner.id);
  });
});
afterAll(() => control.close());

const outcome = (body: object, atMs = control.clock.nowMs()): Entry =>
  ({
    type: 'action.outcome',
    at: new Date(atMs).toISOString(),
    body: { server: 'archive', tool: 'search', status: 'done', indexes: ['docs'], ...body },
  }) as unknown as Entry;
const note = (...entries: Entry[]) =>
  control.change((tx) => noteSources(tx, control.config.tenant, entries, control.clock.nowMs()));
const source = async () => (await listSources(control)).find((each) => each.tool === tool);
const told = async (type: string) => (await control.events(type)).map(({ body }) => body);
const known = async () => (await control.doc('tool', tool))?.sources?.[0]?.trust;

describe('trust of a source, at control', () => {
  it('begins half way, with the reason, and gateways know it', async () => {
    expect(await source()).toMatchObject({ trust: 50, reasons: [{ because: 'few', count: 0, points: 50 }] });
    expect(await known()).toBe(50);
  });

  it('rises with what was looked at, and leaves the epoch of the tool alone', async () => {
    const epoch = (await control.doc('tool', tool))?.epoch;
    await note(...Array.from({ length: 20 }, () => outcome({})));
    await watch.look();
    expect(await known()).toBe(70);
    control.later(5 * dayMs);
    await note(...Array.from({ length: 80 }, () => outcome({ data: { labels: ['PII'] } })));
    await watch.look();
    expect(await source()).toMatchObject({ trust: 100, reasons: [] });
    expect((await control.doc('tool', tool))?.epoch).toBe(epoch);
  });

  it('counts what says something of it, and nothing else', async () => {
    const before = (await source())?.seen;
    await note(
      outcome({ status: 'not_executed' }),
      outcome({ indexes: undefined }),
      outcome({ indexes: ['other'] }),
      outcome({ tool: '' }),
      outcome({}, control.clock.nowMs() - 40 * dayMs),
      { ...outcome({}), type: 'action.intent' } as Entry,
    );
    expect((await source())?.seen).toEqual(before);
    await note(outcome({ data: { labels: ['PCI'] } }), outcome({ status: 'failed' }));
    expect((await source())?.seen).toMatchObject({ strange: 1, failed: 1, results: 102 });
  });

  it('falls with its reasons; people are told of what its index must not hold, once', async () => {
    await note(outcome({ code: 'data.source_above_level' }), outcome({ code: 'data.source_above_level' }));
    await watch.look();
    await watch.look();
    expect(await told('data.index_mixed')).toEqual([{ tool, index: 'docs', results: 2 }]);
    expect((await source())?.reasons[0]).toMatchObject({ because: 'above', count: 2, points: 50 });
    expect(await told('data.source_doubted')).toEqual([]);
    const { tenant } = control.config;
    await control.change((tx) => noteChanged(tx, tenant, tool, ['docs'], control.clock.nowMs()));
    await note(outcome({ code: 'data.injection_withheld' }));
    await watch.look();
    await new TrustWatch(control).look();
    const [event, ...more] = await told('data.source_doubted');
    expect(more).toEqual([]);
    expect(event).toMatchObject({ tool, index: 'docs', from: 40, trust: await known() });
    const notices = await control.db.selectFrom('notification').select('kind').execute();
    expect(notices.map(({ kind }) => kind)).toEqual(['source_doubted', 'source_doubted']);
  });

  it('forgets what was long ago', async () => {
    control.later(31 * dayMs);
    await watch.look();
    expect(await source()).toMatchObject({ trust: 50, reasons: [{ because: 'few' }] });
    expect(await known()).toBe(50);
    expect(await control.db.selectFrom('source_day').select('day').execute()).toEqual([]);
  });
});
