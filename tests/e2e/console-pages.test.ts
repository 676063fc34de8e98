/**
 * The console's pages in a real Chromium over fixture answers: what the running product cannot be brought to show on demand. Hostile
 * words, a stale stream, faults, 100,000 rows, phone width, keyboard, axe, the policy against injected content, the first load.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256 } from '@atf/core/digest';
import { resumeShownText } from '@atf/core/wire/api';
import { loweredShownText } from '@atf/core/wire/labels';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answersAt } from '../../packages/console/fixtures/answers.ts';
import { candidateId } from '../../packages/console/fixtures/answers-policy.ts';
import { activityItem } from '../../packages/console/fixtures/answers-log.ts';
import {
  axeFindings,
  chromiumPath,
  noChromium,
  openBrowser,
  photograph,
  watchedPage,
} from '../../packages/console/fixtures/browser.ts';
import { uuid } from '../../packages/console/fixtures/cast.ts';
import { type FixtureControl, serveFixtures } from '../../packages/console/fixtures/serve.ts';
import { until } from './product.ts';

const built = existsSync(join(import.meta.dirname, '../../packages/console/dist/index.html'));
if (chromiumPath === undefined) process.stderr.write(`${noChromium}\n`);
if (!built) process.stderr.write('SKIPPED: the console is not built; run `npm run build`.\n');

const firstLoadBytesMax = 200_000;
const manyLines = 20_000;
/** Phone, tablet upright and flat, laptop, desk. */
const widths = [360, 390, 768, 1024, 1280, 1440] as const;
const rowsInDocumentMax = 80;

const pages = [
  { name: 'overview', path: '/', waitFor: 'Decisions per minute' },
  { name: 'agents', path: '/agents', waitFor: 'junior-support' },
  { name: 'agent', path: '/agents/junior-support', waitFor: 'What it may do now' },
  {
    name: 'rights',
    path: '/agents/junior-support/rights?at=2026-11-21T14:30:00.000Z',
    waitFor: 'What this cannot know',
  },
  { name: 'approvals', path: '/approvals', waitFor: 'back-office/create_refund' },
  { name: 'approval', path: `/approvals/${uuid(201)}`, waitFor: 'Exactly this will run, once' },
  { name: 'reviews', path: '/reviews', waitFor: '2 open, 1 overdue' },
  { name: 'review', path: `/reviews/${uuid(600)}`, waitFor: '0 of 2 opened' },
  { name: 'activity', path: '/activity', waitFor: 'back-office/list_orders' },
  { name: 'action', path: `/activity/${uuid(10_003)}`, waitFor: 'limit-transaction' },
  { name: 'lineage', path: `/activity/${uuid(10_003)}/lineage`, waitFor: 'Each step in words' },
  { name: 'tools', path: '/tools', waitFor: 'back-office/send_email' },
  { name: 'tool', path: '/tools/back-office/send_email', waitFor: 'In quarantine' },
  { name: 'sources', path: '/sources', waitFor: 'too few to compare' },
  { name: 'token', path: `/tokens/tok_${'a2'.repeat(13)}`, waitFor: 'What is behind a token' },
  { name: 'policy', path: '/policy', waitFor: 'Version 2 is in force' },
  { name: 'candidate', path: `/policy/${candidateId}`, waitFor: 'one more person has to' },
  { name: 'combinations', path: '/policy/combinations', waitFor: 'What would end it' },
  { name: 'try-level', path: '/agents/junior-support/try-level', waitFor: 'records, 20,480 a second' },
  { name: 'stopped', path: '/stopped', waitFor: 'Sends mail nobody asked for' },
  { name: 'told', path: '/notifications', waitFor: 'Given up' },
  { name: 'told-one', path: `/notifications/${uuid(401)}`, waitFor: 'Nobody has taken note yet' },
  { name: 'evidence', path: '/evidence', waitFor: 'Behavioral baseline' },
  { name: 'me', path: '/me', waitFor: 'Add a passkey' },
] as const;

describe.skipIf(chromiumPath === undefined || !built)('console pages over fixtures', () => {
  let folder: string;
  let context: BrowserContext;
  let control: FixtureControl;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'atf-console-'));
    context = await openBrowser(folder);
  });
  afterAll(async () => {
    await context?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    control = await serveFixtures(answersAt(Date.now()));
    ({ page, faults } = await watchedPage(context, control.url));
  });
  afterEach(async () => {
    await page.close();
    await control.close();
    expect(faults).toEqual([]);
  });

  const open = async (path: string, text: string) => {
    await page.goto(`${control.url}${path}`);
    await page.getByText(text).first().waitFor();
  };

  it.each(pages)(
    '$name: axe finds nothing, light on a desk and dark at 360 px, and nothing scrolls sideways at any width',
    async ({ name, path, waitFor }) => {
      await open(path, waitFor);
      await photograph(page, `pages-${name}`, !['activity', 'agent'].includes(name));
      for (const [scheme, width] of [
        ['light', 1440],
        ['dark', 360],
      ] as const) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme: scheme });
        expect(await axeFindings(page), `${name} ${scheme} ${width}`).toEqual([]);
      }
      for (const width of widths) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(overflow, `${name} ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
      }
    },
    120_000,
  );

  it('confirms a policy candidate for exactly the digest that was shown, with presence', async () => {
    const token = 'presence-token-of-the-fixtures';
    control.handlers.set('people.beginPresence', () => ({
      answer: { presenceId: uuid(702), methods: ['passphrase'] },
    }));
    control.handlers.set('people.finishPresence', () => ({
      answer: { presence: token, expiresAt: new Date(Date.now() + 60_000).toISOString() },
    }));
    const { 'policy.candidate': candidate } = control.answers;
    control.handlers.set('policy.confirm', () => ({
      answer: { ...candidate, state: 'applied', version: 3 },
    }));
    await open(`/policy/${candidateId}`, 'permit levels.senior_sends is new');
    expect(await page.getByText('no tool is called back-office/send_emial').isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByLabel('Passphrase').fill('correct horse battery staple');
    await page.keyboard.press('Enter');
    const asked = (operation: string) =>
      until(`the page to ask ${operation}`, () => control.seen.find((one) => one.operation === operation));
    const shownDigest = candidate?.shownDigest;
    expect((await asked('policy.confirm')).body).toEqual({ shownDigest, presence: token });
    expect((await asked('people.beginPresence')).body).toEqual({
      subject: { kind: 'policy', id: candidateId, digest: shownDigest },
    });
  });

  it('declassifies what a review showed, for a person who answers for security, with presence', async () => {
    const token = 'presence-token-of-the-fixtures';
    const me = control.answers['people.me'];
    if (me === undefined) throw new Error('nobody is signed in');
    const person = { ...me.person, id: uuid(77), roles: ['security' as const] };
    control.handlers.set('people.me', () => ({ answer: { ...me, person } }));
    control.handlers.set('people.beginPresence', () => ({
      answer: { presenceId: uuid(702), methods: ['passphrase'] },
    }));
    control.handlers.set('people.finishPresence', () => ({
      answer: { presence: token, expiresAt: new Date(Date.now() + 60_000).toISOString() },
    }));
    const { 'labels.review': shown } = control.answers;
    if (shown === undefined) throw new Error('nothing was read');
    control.handlers.set('labels.lower', () => ({ answer: { ...shown, sources: [], revision: 9 } }));
    await open('/agents/junior-support', 'What it has read');
    await page.getByRole('button', { name: /^Declassify instance/ }).click();
    await page.getByText('each reading is noticed').waitFor();
    await page.getByLabel('The most confidential of it counts as').selectOption('internal');
    await page.getByLabel('Why it is harmless').fill('made up for training');
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'agent-declassify', true);
    await page.getByRole('button', { name: 'Declassify', exact: true }).click();
    await page.getByRole('textbox', { name: 'Passphrase' }).fill('correct horse battery staple');
    await page.keyboard.press('Enter');
    const asked = (operation: string) =>
      until(`the page to ask ${operation}`, () => control.seen.find((one) => one.operation === operation));
    const reason = 'made up for training';
    const to = { confidentiality: 'internal', integrity: 'trusted' } as const;
    expect((await asked('labels.lower')).body).toEqual({ revision: 8, ...to, reason, presence: token });
    const { holder, revision } = shown;
    expect((await asked('people.beginPresence')).body).toEqual({
      subject: {
        kind: 'labels',
        id: holder,
        digest: sha256(loweredShownText({ holder, revision, to, reason })),
      },
    });
  });

  it('draws a combination, says the same in words, and shows another by keyboard', async () => {
    const drawing = page.getByRole('group', { name: 'The combination as a drawing' });
    await open('/policy/combinations', 'What would end it');
    await drawing.getByRole('link', { name: /send_email.*cut here/ }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'sends, internal' }).first().waitFor();
    const across = page.getByRole('button', { name: 'medium Untrusted text and harm, across agents' });
    await across.focus();
    await page.keyboard.press('Enter');
    await drawing.getByText('back-office (orders)').waitFor();
    expect(new URL(page.url()).searchParams.get('finding')).toBe('MoLJviZ2rB3qYyWc');
    await photograph(page, 'pages-combinations-across', true);
    // Over work that one agent gives another, the right to start it is what is cut.
    await page.getByRole('button', { name: 'low Untrusted text and harm, across agents' }).click();
    await page.getByText('Do not let principal-operations start senior-support any more').waitFor();
    await drawing.getByText('back-office (orders)').waitFor({ state: 'detached' });
    await photograph(page, 'pages-combinations-delegation', true);
    await across.click();
    await drawing.getByRole('link', { name: /^senior-support/ }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/agents/senior-support');
  });

  it('draws where a call came from, says the same in words, and goes on by keyboard', async () => {
    await open(`/activity/${uuid(10_003)}/lineage`, 'Each step in words');
    const drawing = page.getByRole('group', { name: /as a drawing/ });
    expect(await drawing.getByText('back-office/create_refund').count()).toBe(1);
    await page.getByRole('cell', { name: 'value of /order_id' }).waitFor();
    await page.getByText('may have had a part').first().waitFor();
    await photograph(page, 'pages-lineage');
    // Asked once: the asking is on record.
    const asked = () => control.seen.filter(({ operation }) => operation === 'lineage.graph');
    await page.evaluate('window.dispatchEvent(new Event("focus"))');
    expect(asked().map(({ body }) => body)).toEqual([
      { roots: [{ kind: 'action', id: uuid(10_003) }], direction: 'from' },
    ]);
    await drawing.getByRole('link', { name: /back-office\/get_order/ }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/activity/${uuid(10_001)}/lineage`);
    await page.getByRole('link', { name: 'What it has touched' }).click();
    await until('the other direction', () =>
      asked().find(({ body }) => (body as { direction: string }).direction === 'to'),
    );
    control.handlers.set('lineage.graph', () => ({ refuse: 'people.not_allowed' }));
    await page.reload();
    await page.getByText('people.not_allowed').waitFor();
  });

  it('asks what an agent might do at a moment that a person names', async () => {
    await open('/agents/junior-support/rights', 'What this cannot know');
    await page.getByLabel('Moment, UTC').fill('2026-11-20T08:15:00');
    await page.getByRole('button', { name: 'Show that moment' }).click();
    await until('the page to ask for that moment', () =>
      control.seen.find(
        ({ operation, query }) =>
          operation === 'agents.rightsAt' && query['at'] === '2026-11-20T08:15:00.000Z',
      ),
    );
    expect(new URL(page.url()).searchParams.get('at')).toBe('2026-11-20T08:15:00.000Z');
  });

  it('shows how far sources are trusted and why, and ends a grant to bring indexes together', async () => {
    await open('/sources', 'too few to compare');
    await page.getByText('12 results were withheld as injected orders').waitFor();
    await page.getByText('Below 60: what it answers counts as written by anybody').first().waitFor();
    await page.getByText('Classified higher than its index').waitFor();
    expect(await page.getByRole('button', { name: /^End the grant of/ }).count()).toBe(1);
    control.handlers.set('sources.part', () => ({ refuse: 'people.not_allowed' }));
    await page.getByRole('button', { name: 'End the grant of senior-support now' }).click();
    await page.getByText('people.not_allowed').waitFor();
    control.handlers.set('sources.part', () => ({ answer: { ok: true } }));
    await page.getByRole('button', { name: 'End the grant of senior-support now' }).click();
    await until('the page to end it', () =>
      control.seen.filter(({ operation }) => operation === 'sources.part').length === 2 ? true : undefined,
    );
    const [first] = control.seen.filter(({ operation }) => operation === 'sources.part');
    expect(first?.params).toEqual({ id: uuid(3), grant: uuid(731) });
  });

  it('says what registers a first source, and that nothing was read', async () => {
    control.handlers.set('sources.list', () => ({ answer: { items: [], trustedFrom: 60, blends: [] } }));
    control.handlers.set('drift.list', () => ({ answer: { items: [], threshold: 0.3, more: false } }));
    await open('/sources', 'No retrieval sources are registered');
    await page.getByText('npx atf source add').waitFor();
    await page.getByText('No agent has read anything in the last seven days').waitFor();
  });

  it('says so when nothing is dangerous together, and when it cannot be known', async () => {
    const { 'policy.analysis': found } = control.answers;
    const nothing = { ...found, findings: [], counts: { high: 0, medium: 0, low: 0 } };
    control.handlers.set('policy.analysis', () => ({ answer: nothing }));
    await open('/policy/combinations', 'Nothing dangerous comes together here');
  });

  it('tries the candidate that is shown, and the level that is chosen, and ends what runs', async () => {
    const [ended, running] = control.answers['backtests.list']?.items ?? [];
    if (ended === undefined || running === undefined) throw new Error('two backtests in the fixtures');
    control.handlers.set('backtests.start', () => ({ answer: ended }));
    control.handlers.set('backtests.cancel', () => ({ answer: { ...running, state: 'cancelled' } }));
    control.handlers.set('shadow.stop', () => ({
      answer: { ...control.answers['shadow.show']?.shadow, state: 'stopped' } as never,
    }));
    const asked = (operation: string) =>
      until(`the page to ask ${operation}`, () => control.seen.find((one) => one.operation === operation));
    await open(`/policy/${candidateId}`, '1,235 of 48,211 decisions');
    await page.getByLabel('Of the last').selectOption('7');
    await page.getByRole('button', { name: 'Backtest' }).click();
    expect((await asked('backtests.start')).body).toEqual({ candidate: candidateId, days: 7 });
    await page.getByRole('button', { name: 'End the shadow' }).click();
    await asked('shadow.stop');
    await open('/agents/junior-support', 'What would it have done at another level?');
    await page.getByText('What would it have done at another level?').click();
    await page.getByText('records, 20,480 a second').waitFor();
    await page.getByRole('button', { name: 'End it' }).click();
    expect((await asked('backtests.cancel')).params).toEqual({ id: running.id });
  });

  it('confirms calls that were shown and opened, and objects to those that are marked', async () => {
    const { 'reviews.show': review, 'reviews.look': look } = control.answers;
    control.handlers.set('reviews.confirm', () => ({ answer: { ...review, state: 'confirmed' } }));
    const asked = (operation: string) =>
      until(`the page to ask ${operation}`, () => control.seen.find((one) => one.operation === operation));
    control.handlers.set('reviews.object', () => ({ answer: { ...review, state: 'objected' } }));
    await open(`/reviews/${uuid(600)}`, '0 of 2 opened');
    const right = page.getByRole('button', { name: 'I have looked at these 2: right' });
    const calls = page.locator('details:has(input[type=checkbox])');
    const openCall = (at: number) => calls.nth(at).locator('summary').first().click();
    await openCall(0);
    await page.getByText('1 of 2 opened').waitFor();
    expect(await right.isDisabled()).toBe(true);
    // What was opened stays opened, also when it is closed and opened again.
    await openCall(0);
    await openCall(0);
    await page.getByText('1 of 2 opened').waitFor();
    await openCall(1);
    await page.getByText('2 of 2 opened').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-review-opened');
    await calls.nth(1).getByRole('checkbox').check();
    // Who has marked something does not call all of it right.
    expect(await right.isDisabled()).toBe(true);
    await page.getByLabel('Note').fill('It lists more than it was asked for.');
    await page.getByRole('button', { name: 'Object to 1' }).click();
    const objected = (await asked('reviews.object')).body;
    expect(objected).toEqual({ actionIds: [uuid(602)], note: 'It lists more than it was asked for.' });
    await calls.nth(1).getByRole('checkbox').uncheck();
    await right.click();
    expect((await asked('reviews.confirm')).body).toEqual({
      actionIds: [uuid(601), uuid(602)],
      shown: look?.shown,
      note: 'It lists more than it was asked for.',
    });
  });

  it('loads its first page with less than 200 KB of compressed script', async () => {
    const scripts = new Set<string>();
    page.on('response', (response) => {
      if (response.headers()['content-type'] === 'text/javascript') scripts.add(response.url());
    });
    await open('/', 'The same as a table');
    let bytes = 0;
    for (const url of scripts)
      bytes += gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).byteLength;
    expect(bytes).toBeLessThan(firstLoadBytesMax);
    expect(scripts.size).toBeGreaterThan(0);
  });

  it('takes the token out of address and history before it asks, and goes where the person wanted', async () => {
    const token = 'one-time-token-0123456789';
    const me = control.answers['people.me'];
    let signedIn = false;
    control.handlers.set('people.me', () =>
      signedIn ? { answer: me } : { refuse: 'people.sign_in_required' },
    );
    control.handlers.set('people.signIn', ({ body }) => {
      signedIn = (body as { token: string }).token === token;
      return signedIn ? { answer: me } : { refuse: 'people.link_invalid' };
    });
    await open('/agents', 'atf sign-in');
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-signed-out');
    await page.goto(`${control.url}/sign-in#${token}`);
    await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor();
    expect(page.url()).toBe(`${control.url}/agents`);
    expect(await page.evaluate('location.hash')).toBe('');
    await page.goBack();
    expect(page.url()).not.toContain(token);
    await page.goto(`${control.url}/sign-in#wrong-token-0123456789`);
    await page.getByText('people.link_invalid').waitFor();
  });

  it('shows words of agents as text only: hidden characters as code points, no markup, no links', async () => {
    await open(`/approvals/${uuid(201)}`, 'Exactly this will run, once');
    const box = page.getByText('Claimed by the agent junior-support').locator('../..');
    for (const mark of ['U+202E', 'U+202C', 'U+200B', 'U+0007'])
      expect(await box.getByText(mark, { exact: true }).count(), mark).toBeGreaterThan(0);
    expect(await box.innerText()).toContain('<b>now</b> [click](javascript:alert(1))');
    expect(await box.locator('a, b').count()).toBe(0);
    await box.getByText('Exact text').click();
    await box.getByText('equals the text above').waitFor();
  });

  it('what people were told: empty, faulty and hostile, and taken note of', async () => {
    control.answers['notifications.list'] = { items: [] };
    control.answers['targets.list'] = { items: [] };
    control.handlers.set('deliveries.list', () => ({ refuse: 'storage.database_unreachable' }));
    await open('/notifications', 'Somebody has taken note of everything.');
    await page.getByText('It stays here: no mail, no webhook, no chat is told.').waitFor();
    await page.getByText('storage.database_unreachable').first().waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-told-empty');
    await open(`/notifications/${uuid(401)}`, 'Nobody has taken note yet');
    expect(await page.getByText('U+202E', { exact: true }).count()).toBe(1);
    expect(await page.locator('a[href*="evil"]').count()).toBe(0);
    const told = control.answers['notifications.show'];
    if (told === undefined) throw new Error('the fixtures have no notification');
    const noted = {
      ...told,
      acknowledged: { at: told.at, by: 'Ines Marchetti', with: 'session' as const },
    };
    control.handlers.set('notifications.acknowledge', () => {
      control.answers['notifications.show'] = noted;
      return { answer: noted };
    });
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('Taken note of').waitFor();
  });

  it('says that the text is not what the digest covers, when it is not', async () => {
    const approval = control.answers['approvals.show'];
    if (approval === undefined) throw new Error('the fixtures have no approval');
    control.answers['approvals.show'] = { ...approval, argsText: '{"amount":1}' };
    await open(`/approvals/${uuid(201)}`, 'Exactly this will run, once');
    await page.getByText('Exact text').click();
    await page.getByText('does not equal the text above: do not approve').waitFor();
  });

  it('shows a new action at once, holds it back under the pointer, and pauses', async () => {
    await open('/activity', 'back-office/list_orders');
    const line = (n: number) =>
      activityItem(n, new Date().toISOString(), { cursor: `live-${n}`, tool: `back-office/live_${n}` });
    await page.mouse.move(5, 5);
    control.emit(line(1));
    await page.getByText('back-office/live_1').waitFor();
    await page.getByRole('table', { name: 'Activity' }).hover();
    control.emit(line(2));
    await page.getByRole('button', { name: 'Show 1 new' }).waitFor();
    expect(await page.getByText('back-office/live_2').count()).toBe(0);
    await page.getByRole('button', { name: 'Show 1 new' }).click();
    await page.getByText('back-office/live_2').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.mouse.move(5, 5);
    control.emit(line(3));
    await page.getByRole('button', { name: 'Show 1 new' }).waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('back-office/live_3').waitFor();
  });

  it('says when the stream is stale, and comes back by itself', async () => {
    await open('/activity', 'back-office/list_orders');
    await page.getByText('Live', { exact: true }).first().waitFor();
    control.breakStreams(true);
    await page.getByText('Stale: the stream broke, trying again').waitFor();
    await photograph(page, 'pages-activity-stale', false);
    control.breakStreams(false);
    await page.getByText('Live', { exact: true }).first().waitFor();
  });

  it('keeps filters in the address and asks control with them', async () => {
    await open('/activity?agent=junior-support&outcome=refused', 'Activity');
    await page.getByLabel('Agent').waitFor();
    expect(await page.getByLabel('Agent').inputValue()).toBe('junior-support');
    expect(control.seen.filter(({ operation }) => operation === 'activity.list').at(-1)?.query).toMatchObject(
      {
        agent: 'junior-support',
        outcome: 'refused',
      },
    );
    await page.getByLabel('Outcome').selectOption('done');
    await page.waitForURL('**/activity?agent=junior-support&outcome=done');
  });

  it('holds as many lines as there are: few of them in the document, older ones by cursor', async () => {
    const all = Array.from({ length: manyLines }, (_, n) =>
      activityItem(n, new Date(Date.now() - n * 1_000).toISOString(), { cursor: String(n) }),
    );
    control.handlers.set('activity.list', ({ query }) => {
      const from = query['before'] === undefined ? 0 : Number(query['before']) + 1;
      return { answer: { items: all.slice(from, from + Number(query['limit'])) } };
    });
    await open('/activity', 'back-office/list_orders');
    for (let step = 0; step < 12; step++) {
      await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
      await expect
        .poll(async () =>
          Number(await page.getByRole('table', { name: 'Activity' }).getAttribute('aria-rowcount')),
        )
        .toBeGreaterThan((step + 1) * 100);
    }
    expect(await page.locator('[role=row][data-index]').count()).toBeLessThan(rowsInDocumentMax);
  });

  it('tells waiting calls apart by amount and object, and cuts no tool name', async () => {
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await open('/approvals', 'back-office/create_refund');
      const link = page.locator('[role=row][data-index] a').first();
      expect(await link.innerText()).toContain('128.5 EUR · of O-5003');
      const whole = await link.locator('code').evaluate((code) => {
        const cell = code.closest('[role=cell]');
        const [inner, outer] = [code.getBoundingClientRect(), cell?.getBoundingClientRect()];
        return outer !== undefined && inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
      });
      expect(whole, `${width} px`).toBe(true);
    }
    await open(`/approvals/${uuid(201)}`, 'Exactly this will run, once');
    expect(await page.locator('body').innerText()).toContain('128.5 EUR · of O-5003');
  });

  /** Scrolls until the last row of the table is there, which must then have told how many it has. */
  async function scrolledTo(name: string, last: Locator, rows: number): Promise<void> {
    const table = page.getByRole('table', { name });
    await expect
      .poll(
        async () => {
          await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
          return [await table.getAttribute('aria-rowcount'), await last.isVisible()];
        },
        { timeout: 60_000 },
      )
      .toEqual([`${rows + 1}`, true]);
    expect(await page.locator('[role=row][data-index]').count()).toBeLessThan(rowsInDocumentMax);
  }

  /** Answers a list of `all` by pages behind the item of which `cursorOf` gives `after`; whole where no page is asked for. */
  const byPages =
    <T>(all: readonly T[], cursorOf: (item: T) => string) =>
    ({ query }: { readonly query: Record<string, string> }) => {
      const from = all.findIndex((item) => cursorOf(item) === query['after']) + 1;
      const to = query['limit'] === undefined ? all.length : from + Number(query['limit']);
      return { answer: { items: all.slice(from, to) } };
    };

  it('shows every approval, however many wait: older ones by cursor', async () => {
    const [approval] = control.answers['approvals.list']?.items ?? [];
    if (approval === undefined) throw new Error('the fixtures have no approval');
    const all = Array.from({ length: 450 }, (_, n) => ({ ...approval, id: uuid(50_000 + n) }));
    control.handlers.set(
      'approvals.list',
      byPages(all, ({ id }) => id),
    );
    await open('/approvals', approval.tool);
    await scrolledTo('Approvals', page.locator(`a[href="/approvals/${all.at(-1)?.id}"]`), all.length);
  });

  it('shows every agent of a large fleet, a page at a time', async () => {
    const [agent] = control.answers['agents.list']?.items ?? [];
    if (agent === undefined) throw new Error('the fixtures have no agent');
    const all = Array.from({ length: 450 }, (_, n) => ({
      ...agent,
      id: uuid(60_000 + n),
      name: `fleet-${String(n).padStart(4, '0')}`,
    }));
    control.handlers.set(
      'agents.list',
      byPages(all, ({ name }) => name),
    );
    await open('/agents', 'fleet-0000');
    await scrolledTo('Agents', page.getByRole('link', { name: 'fleet-0449' }), all.length);
    control.handlers.delete('agents.list');
  });

  it('asks again for what is on screen when control passed over records', async () => {
    await open('/activity', 'back-office/list_orders');
    await page.getByText('Live', { exact: true }).first().waitFor();
    const asked = () => control.seen.filter(({ operation }) => operation === 'activity.list').length;
    const before = asked();
    control.skip('99999');
    await expect.poll(asked).toBeGreaterThan(before);
  });

  it('renders a table of 20,000 tools with only the visible rows in the document', async () => {
    const tool = control.answers['tools.list']?.items[0];
    if (tool === undefined) throw new Error('the fixtures have no tool');
    control.answers['tools.list'] = {
      items: Array.from({ length: manyLines }, (_, n) => ({
        ...tool,
        name: `tool_${String(n).padStart(6, '0')}`,
      })),
    };
    await open('/tools', 'back-office/tool_000000');
    expect(await page.getByRole('table', { name: 'Tools' }).getAttribute('aria-rowcount')).toBe(
      `${manyLines + 1}`,
    );
    expect(await page.locator('[role=row][data-index]').count()).toBeLessThan(rowsInDocumentMax);
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight / 2)');
    await page
      .getByText(/tool_(009|010)\d{3}/)
      .first()
      .waitFor();
  });

  it('is used by keyboard: skip link, jumps, palette, list keys, and focus that can be seen', async () => {
    await open('/', 'Decisions per minute');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'junior-support' }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('junior-support');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await page.keyboard.press('k');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('intern-analyst');
    await page.keyboard.press('Enter');
    await page
      .getByRole('heading', { name: 'intern-analyst', level: 1 })
      .or(page.getByRole('heading', { name: 'junior-support', level: 1 }))
      .first()
      .waitFor();
    expect(page.url()).toBe(`${control.url}/agents/intern-analyst`);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-palette', false);
    await page.keyboard.type('evid');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Evidence', level: 1 }).waitFor();
  });

  it('stops from anywhere in two actions, says before what will stop and after what did, and how fast', async () => {
    control.handlers.set('containment.stop', ({ body }) => {
      const { scope, state } = body as { scope: { kind: 'agent'; id: string }; state: 'killed' };
      return {
        answer: {
          scope,
          state,
          agents: ['junior-support'],
          gateways: { connected: 1, confirmed: 1 },
          callsAborted: 2,
          approvalsVoided: 1,
          tookMs: 41.7,
        },
      };
    });
    await open('/evidence', 'Behavioral baseline');
    await page.getByRole('button', { name: 'Stop…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog
      .getByText('This agent with 1 instance, its running calls and its waiting approvals.')
      .waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-stop', false);
    await dialog.getByRole('button', { name: 'Kill junior-support', exact: true }).click();
    await dialog.getByText('42 ms').waitFor();
    await dialog.getByText('1 of 1 confirmed').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-stop-report', false);
    const stop = control.seen.find(({ operation }) => operation === 'containment.stop');
    expect(stop?.body).toEqual({
      scope: { kind: 'agent', id: uuid(2) },
      state: 'killed',
      reason: 'Stopped from the console by Ines Marchetti',
    });
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await open('/agents/junior-support', 'What it may do now');
    await page.getByRole('button', { name: 'Stop this agent…' }).click();
    await photograph(page, 'pages-stop-here', false);
    await page
      .getByRole('dialog')
      .getByRole('button', { name: 'Kill junior-support', exact: true })
      .waitFor();
  });

  it('has totals go on as of a backup where a person says so: it stands in what is confirmed', async () => {
    const token = 'presence-token-of-the-fixtures';
    control.handlers.set('people.beginPresence', () => ({
      answer: { presenceId: uuid(703), methods: ['passphrase'] },
    }));
    control.handlers.set('people.finishPresence', () => ({
      answer: { presence: token, expiresAt: new Date(Date.now() + 60_000).toISOString() },
    }));
    const scope = { kind: 'fleet' as const, id: '*' };
    control.handlers.set('containment.list', () => ({
      answer: {
        items: [
          { scope, state: 'killed', since: new Date().toISOString(), reason: 'restored', by: 'restore' },
        ],
      },
    }));
    control.handlers.set('containment.resume', () => ({ answer: { ok: true } }));
    await open('/stopped', 'restored');
    await page.getByRole('button', { name: 'Resume…' }).click();
    await page.getByLabel('Why it may run again').fill('nothing ran since');
    await page.getByLabel('totals go on as of the backup').check();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByText('what was spent after it does not count').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-resume-fleet', false);
    await page.getByLabel('Passphrase').fill('correct horse battery staple');
    await page.keyboard.press('Enter');
    const request = { scope, reason: 'nothing ran since', totals: 'as_backup' as const };
    const asked = (operation: string) =>
      until(`the page to ask ${operation}`, () => control.seen.find((one) => one.operation === operation));
    expect((await asked('containment.resume')).body).toEqual({ ...request, presence: token });
    expect((await asked('people.beginPresence')).body).toEqual({
      subject: { kind: 'resume', id: 'fleet:*', digest: sha256(resumeShownText(request)) },
    });
  });

  it('says code, reason and help when control refuses, and tries again', async () => {
    control.handlers.set('agents.list', () => ({ refuse: 'internal.fault' }));
    await open('/agents', 'An unexpected fault; the action was refused');
    await page.getByText('internal.fault').first().waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await photograph(page, 'pages-fault');
    control.handlers.delete('agents.list');
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await page.getByRole('link', { name: 'junior-support' }).waitFor();
  });

  it('says the one command that fills an empty place', async () => {
    Object.assign(control.answers, {
      'agents.list': { items: [] },
      'approvals.list': { items: [] },
      'activity.list': { items: [] },
      'tools.list': { items: [] },
      'servers.list': { items: [] },
      'containment.list': { items: [] },
    });
    await open('/agents', 'atf agent register manifest.yaml');
    await open('/tools', 'atf tool add');
    await open('/activity', 'npm run demo');
    await open('/approvals', 'npm run demo');
    await open('/stopped', 'Nothing is stopped');
    await photograph(page, 'pages-empty-stopped');
    expect(await axeFindings(page)).toEqual([]);
  });

  it('prints the evidence without the frame of the page', async () => {
    await open('/evidence', 'Behavioral baseline');
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button', { name: 'Stop…' }).isVisible()).toBe(false);
    expect(await page.getByText('Behavioral baseline').isVisible()).toBe(true);
    expect(await page.getByText('Example workspace').isVisible()).toBe(true);
    const pictures = process.env['ATF_SCREENSHOTS'];
    const pdf = await page.pdf({
      format: 'A4',
      ...(pictures === undefined ? {} : { path: join(pictures, 'evidence.pdf') }),
    });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
  });
});
