/**
 * Stops that choose, through the front door: graceful ones, and those of a version, a purpose or a session; and what a kill in the middle of a task
 * of many calls leaves behind. Effects are read from the back office's own file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { ceilingShownText, type CeilingWord, type StopReport } from '@atf/core/wire/api';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { renewCredential } from '@atf/sdk/enrol';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf } from './cli-run.ts';
import { logSettled } from './read-log.ts';
import {
  atRest,
  call,
  type McpAgent,
  Product,
  resume,
  root,
  type Signed,
  slowCall,
  until,
} from './product.ts';

let product: Product;
let security: Signed;
beforeAll(async () => {
  product = await Product.start();
  security = await product.signIn('yuki.mori@example.com');
});
afterAll(async () => product.remove());

type Stop = Parameters<typeof security.client.call<'containment.stop'>>[1]['body'];
const stop = (body: Omit<Stop, 'reason'>): Promise<StopReport> =>
  security.client.call('containment.stop', { body: { ...body, reason: 'drill' } });
const idOf = async (name: string) => (await security.client.call('agents.show', { params: { id: name } })).id;
const stopOf = async (key: { kind: string; id: string }) =>
  (await security.client.call('containment.list')).items.find(
    ({ scope }) => scope.kind === key.kind && scope.id === key.id,
  );

async function office(): Promise<{
  emails: { subject: string }[];
}> {
  return JSON.parse(await readFile(join(product.dataDir, 'back-office/state.json'), 'utf8'));
}
async function steps(): Promise<number> {
  const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.includes('report.step')).length;
}

/** What a call is answered, or why it is not. */
const codeOf = (client: Client, tool: string, args: Record<string, unknown> = {}) =>
  call(client, tool, args).then(
    (answer) => answer.atf.code,
    (error: Error) => error.message,
  );

/** An instance that is served: gateways hear of what a person resumed a moment later. */
async function served(name: string): Promise<McpAgent> {
  const once = async () => {
    const agent = await product.agent(name);
    return (await codeOf(await agent.mcp('back-office'), 'list_orders')) === undefined ? agent : undefined;
  };
  return until(`${name} to be served`, () => once().catch(() => undefined));
}

async function slowReport(agent: McpAgent, seconds: number) {
  const client = await agent.mcp('back-office');
  const [running] = await slowCall(() => call(client, 'export_report', { seconds }), steps);
  return { client, running };
}

describe('a graceful stop', () => {
  it('lets the call under way end and give its result, begins nothing, then voids credentials', async () => {
    const agent = await served('principal-operations');
    const { client, running } = await slowReport(agent, 6);
    const id = await idOf('principal-operations');
    const scope = { kind: 'agent' as const, id };
    const report = await stop({ scope, state: 'killed', graceSeconds: 30 });
    expect(report).toMatchObject({ state: 'killed', callsAborted: 0, callsRunning: 1 });
    expect(Date.parse(report.drainUntil ?? '')).toBeGreaterThan(Date.now());
    expect(await codeOf(client, 'list_orders')).toBe('containment.agent_stopped');
    expect((await stopOf(scope))?.drainUntil).toBe(report.drainUntil);

    const ended = await running;
    expect(ended).toMatchObject({ isError: false });
    await until('the forced stop', async () =>
      (await stopOf(scope))?.drainUntil === undefined ? true : undefined,
    );
    // Long before its time: nothing ran any more.
    expect(Date.now()).toBeLessThan(Date.parse(report.drainUntil ?? ''));
    expect(await codeOf(client, 'list_orders')).toBe('containment.agent_stopped');
    await resume(security, { scope, reason: 'drill is over' });
    const { text } = await until('the gateway hears it', async () => {
      const code = await codeOf(client, 'list_orders');
      return code === 'containment.agent_stopped' ? undefined : { text: code };
    });
    expect(text).toMatch(/revoked|instance/);
  });

  it('cuts what has not ended in time', async () => {
    const agent = await served('principal-operations');
    const { running } = await slowReport(agent, 60);
    const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
    const report = await stop({ scope, state: 'paused', graceSeconds: 1 });
    expect(report).toMatchObject({ state: 'paused', callsRunning: 1 });
    expect((await running).atf.code).toBe('containment.call_aborted');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(report.drainUntil ?? '') - 50);
    expect((await stopOf(scope))?.state).toBe('paused');
    await resume(security, { scope, reason: 'drill is over' });
    await atRest('the report', steps);
  });

  it('gives way to a forced one, and does not soften one', async () => {
    const agent = await served('principal-operations');
    const { running } = await slowReport(agent, 60);
    const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
    await stop({ scope, state: 'killed', graceSeconds: 300 });
    const forced = await stop({ scope, state: 'killed' });
    expect(forced).toMatchObject({ callsAborted: 1 });
    expect((await running).atf.code).toBe('containment.call_aborted');
    await stop({ scope, state: 'killed', graceSeconds: 300 });
    expect(await stopOf(scope)).not.toHaveProperty('drainUntil');
    await resume(security, { scope, reason: 'drill is over' });
  });

  it('is finished by a control plane that died in the middle', async () => {
    const agent = await served('principal-operations');
    await slowReport(agent, 60);
    const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
    await stop({ scope, state: 'killed', graceSeconds: 2 });
    await product.crash('control');
    security = await product.signIn('yuki.mori@example.com');
    await until('the forced stop', async () => {
      const now = await stopOf(scope);
      return now !== undefined && now.drainUntil === undefined ? true : undefined;
    });
    await resume(security, { scope, reason: 'drill is over' });
  });

  it('is asked for from the command line, which says what may end', async () => {
    const words = ['kill', 'agent', 'principal-operations', '--yes', '--data', product.dataDir];
    const bad = await atf([...words, '--graceful', '301'], { cwd: product.home });
    expect(bad).toMatchObject({ code: 2 });
    const agent = await served('principal-operations');
    // Longer than the command takes to start.
    const { running } = await slowReport(agent, Math.min(3 + (3 * bad.tookMs) / 1_000, 45));
    const done = await atf([...words, '--graceful', '60', '--json'], { cwd: product.home });
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ state: 'killed', callsRunning: 1 });
    expect((await running).isError).toBe(false);
    const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
    await resume(security, { scope, reason: 'drill is over' });
  });
});

describe('a stop that chooses', () => {
  it('a version: another one runs, and the stopped one stays stopped when it comes back', async () => {
    const operator = await product.operator();
    const manifest = await readFile(join(root, 'examples/workspace/agents/intern-analyst.yaml'), 'utf8');
    const { manifest: now } = await operator.call('agents.show', { params: { id: 'intern-analyst' } });
    const client = await (await served('intern-analyst')).mcp('back-office');
    const said = { kind: 'version' as const, id: `intern-analyst@${now.version}` };
    const report = await stop({ scope: said, state: 'killed' });
    expect(report.agents).toEqual(['intern-analyst']);
    expect(await codeOf(client, 'list_orders')).toBe('containment.version_stopped');
    expect((await operator.call('agents.show', { params: { id: 'intern-analyst' } })).state).toBe('killed');
    await expect(product.agent('intern-analyst')).rejects.toThrow();

    const register = (version: string) =>
      operator.call('agents.register', {
        body: { manifest: manifest.replace(/^version: .*$/m, `version: ${version}`), format: 'yaml' },
      });
    expect((await register('9.0.0')).state).toBe('active');
    await served('intern-analyst');
    expect((await register(now.version)).state).toBe('killed');
    await expect(product.agent('intern-analyst')).rejects.toThrow();
    await register('9.0.0');
    await resume(security, { scope: report.scope, reason: 'drill is over' });

    await expect(
      stop({ scope: { kind: 'version', id: 'intern-analyst@77.0.0' }, state: 'killed' }),
    ).rejects.toMatchObject({ code: 'containment.nothing_such' });
    await expect(
      stop({ scope: { kind: 'version', id: 'intern-analyst' }, state: 'killed' }),
    ).rejects.toMatchObject({ code: 'request.malformed' });
  });

  it('a purpose, in its own words: every agent of it, and no other', async () => {
    const intern = await (await product.agent('intern-analyst')).mcp('back-office');
    const senior = await (await product.agent('senior-support')).mcp('back-office');
    const { manifest } = await security.client.call('agents.show', { params: { id: 'senior-support' } });
    const words = `  ${manifest.purpose.toUpperCase().replaceAll(' ', '   ')} `;
    const report = await stop({ scope: { kind: 'purpose', id: words }, state: 'paused' });
    expect(report.agents).toEqual(['senior-support']);
    expect(await codeOf(senior, 'list_orders')).toBe('containment.purpose_stopped');
    expect(await codeOf(intern, 'list_orders')).toBeUndefined();
    expect((await stopOf(report.scope))?.label).toBe(manifest.purpose.slice(0, 200));
    await resume(security, { scope: report.scope, reason: 'drill is over' });
    await until('the gateway hears it', async () =>
      (await codeOf(senior, 'list_orders')) === undefined ? true : undefined,
    );
    await expect(
      stop({ scope: { kind: 'purpose', id: 'World domination' }, state: 'killed' }),
    ).rejects.toMatchObject({ code: 'containment.nothing_such' });
  });

  it('a session: the other instance goes on, and the killed one begins anew with its next token', async () => {
    const [one, two] = [await served('intern-analyst'), await served('intern-analyst')];
    const [first, second] = [await one.mcp('back-office'), await two.mcp('back-office')];
    const scope = { kind: 'session' as const, id: one.credential.sid };
    const report = await stop({ scope, state: 'killed' });
    expect(report.agents).toEqual(['intern-analyst']);
    expect(await codeOf(second, 'list_orders')).toBeUndefined();
    expect(await codeOf(first, 'list_orders')).toBe('containment.session_stopped');
    const { controlUrl } = product.ready;
    const { instanceId, gatewayUrl } = one.credential;
    const renewed = await renewCredential({ controlUrl, key: one.key, instanceId });
    expect(renewed.sid).not.toBe(scope.id);
    const again = new Client({ name: 'e2e', version: '1.0.0' });
    const fetch = agentFetch({ credential: renewed, key: one.key });
    await again.connect(
      new StreamableHTTPClientTransport(new URL(`${gatewayUrl}/mcp/back-office`), { fetch }),
    );
    expect(await codeOf(again, 'list_orders')).toBeUndefined();
    await expect(
      stop({ scope: { kind: 'session', id: crypto.randomUUID() }, state: 'killed' }),
    ).rejects.toMatchObject({ code: 'containment.nothing_such' });
  });

  it('only by those who answer for it: others are refused, and nothing stops', async () => {
    const other = await product.signIn('paula.reyes@example.com');
    const id = `senior-support@${(await security.client.call('agents.show', { params: { id: 'senior-support' } })).manifest.version}`;
    for (const scope of [
      { kind: 'version' as const, id },
      { kind: 'purpose' as const, id: 'x'.repeat(43) },
    ])
      await expect(
        other.client.call('containment.stop', { body: { scope, state: 'killed', reason: 'drill' } }),
      ).rejects.toMatchObject({ status: expect.toBeOneOf([403, 404]) });
    expect((await security.client.call('containment.list')).items).toEqual([
      expect.objectContaining({ scope: expect.objectContaining({ kind: 'session' }) }),
    ]);
  });
});

describe('a kill in the middle of a task of many calls', () => {
  interface Sent {
    readonly subject: string;
    readonly status: string;
  }

  /** What the log says of each e-mail that the agent wanted to send in this round. */
  async function recorded(round: string): Promise<Sent[]> {
    const { items } = await security.client.call('activity.list', {
      query: { agent: 'principal-operations', limit: 500 },
    });
    const ids = new Set(
      items.flatMap(({ tool, actionId }) => (tool === 'back-office/send_email' && actionId) || []),
    );
    const sent: Sent[] = [];
    for (const id of ids) {
      const story = await until(`the outcome of ${id}`, async () => {
        const shown = await security.client.call('actions.show', { params: { id } });
        return shown.items.some(({ type }) => type !== 'action.intent') ? shown : undefined;
      });
      const { subject } = JSON.parse(story.argsText ?? '{}') as { subject?: string };
      if (subject?.startsWith(round) !== true) continue;
      const bodies = story.records.map(
        ({ entry }) => JSON.parse(entry) as { type: string; body: { status?: string } },
      );
      const outcome = bodies.find(({ type }) => type === 'action.outcome');
      sent.push({ subject, status: outcome?.body.status ?? 'refused' });
    }
    return sent;
  }

  /** Sends e-mails one after the other in two lanes until it is stopped. */
  async function task(client: Client, round: string): Promise<void> {
    const lane = async (name: string) => {
      for (let step = 0; step < 6; step++) {
        const answer = await call(client, 'send_email', {
          to: 'ada@example.com',
          subject: `${round} ${name}${step}`,
          body: 'On its way.',
        }).catch(() => undefined);
        if (answer?.isError !== false) return;
      }
    };
    await Promise.all([lane('a'), lane('b')]);
  }

  for (const [round, graceSeconds] of [
    ['forced-1', undefined],
    ['forced-2', undefined],
    ['graceful', 10],
  ] as const) {
    it(`leaves what it touched in a state that the log knows (${round})`, async () => {
      const client = await (await served('principal-operations')).mcp('back-office');
      const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
      const sentBefore = (await office()).emails.length;
      const running = task(client, round);
      await until('the task under way', async () =>
        (await office()).emails.length >= sentBefore + 3 ? true : undefined,
      );
      await stop({ scope, state: 'killed', ...(graceSeconds === undefined ? {} : { graceSeconds }) });
      await running;
      const effects = (await office()).emails
        .map(({ subject }) => subject)
        .filter((text) => text.startsWith(round));
      await logSettled(product);
      const log = await recorded(round);
      // Nothing happened twice, nothing happened without a record, and whatever is on record as done did happen.
      expect(new Set(effects).size).toBe(effects.length);
      const of = (...status: string[]) =>
        log.filter((each) => status.includes(each.status)).map(({ subject }) => subject);
      expect(of('done', 'aborted', 'unknown')).toEqual(expect.arrayContaining(effects));
      expect(effects).toEqual(expect.arrayContaining(of('done')));
      for (const subject of of('not_executed', 'refused')) expect(effects).not.toContain(subject);
      if (graceSeconds !== undefined) expect(of('aborted', 'unknown')).toEqual([]);
      await resume(security, { scope, reason: 'drill is over' });
    });
  }
});

describe('a stop that would stop nothing', () => {
  it('is refused: an unknown tool, an unknown server, a person who owns no agent', async () => {
    const before = (await security.client.call('containment.list')).items;
    const nobody = (await security.client.call('people.list')).items.find(
      ({ email }) => email === 'yuki.mori@example.com',
    );
    for (const scope of [
      { kind: 'tool' as const, id: 'back-office/nosuch' },
      { kind: 'tool' as const, id: 'nosuch/*' },
      { kind: 'owner' as const, id: nobody?.id ?? '' },
    ])
      await expect(stop({ scope, state: 'killed' })).rejects.toMatchObject({
        code: 'containment.nothing_such',
      });
    expect((await security.client.call('containment.list')).items).toEqual(before);
  });
});

describe('a ceiling', () => {
  const ceilingOf = async () => {
    const { ceiling, effectiveLevel } = await security.client.call('agents.show', {
      params: { id: 'senior-support' },
    });
    return [ceiling, effectiveLevel];
  };
  async function change(by: Signed, to: CeilingWord, shown: { from: CeilingWord; digest?: string }) {
    const { id, manifestDigest } = await by.client.call('agents.show', { params: { id: 'senior-support' } });
    const text = ceilingShownText({
      agentId: id,
      manifestDigest: shown.digest ?? manifestDigest,
      from: shown.from,
      to,
      reason: 'reviewed',
    });
    const presence = await by.presence({ kind: 'level', id, digest: sha256(text) });
    const body = { ceiling: to, reason: 'reviewed', presence };
    return by.client.call('agents.ceiling', { params: { id }, body });
  }

  it('stays when a resume says nothing of it, and security lifts it while resuming or without a stop', async () => {
    const scope = { kind: 'agent' as const, id: await idOf('senior-support') };
    await stop({ scope, state: 'paused' });
    await resume(security, { scope, reason: 'watch it', ceiling: 'intern' });
    expect(await ceilingOf()).toEqual(['intern', 'intern']);
    await stop({ scope, state: 'paused' });
    await resume(security, { scope, reason: 'go on' });
    expect(await ceilingOf()).toEqual(['intern', 'intern']);
    await stop({ scope, state: 'paused' });
    await resume(security, { scope, reason: 'reviewed', ceiling: 'none' });
    expect(await ceilingOf()).toEqual([undefined, 'senior']);

    expect(await change(security, 'junior', { from: 'none' })).toMatchObject({ effectiveLevel: 'junior' });
    // Confirmed for another version, or under another ceiling than the one in force: not what was shown.
    await expect(
      change(security, 'none', { from: 'junior', digest: sha256('another') }),
    ).rejects.toMatchObject({ code: 'people.presence_invalid' });
    await expect(change(security, 'none', { from: 'intern' })).rejects.toMatchObject({
      code: 'people.presence_invalid',
    });
    expect(await ceilingOf()).toEqual(['junior', 'junior']);
    await change(security, 'none', { from: 'junior' });
    expect(await ceilingOf()).toEqual([undefined, 'senior']);
  });

  it('is lifted by a person for whom the command line waits', async () => {
    await change(security, 'junior', { from: 'none' });
    const words = ['agent', 'ceiling', 'senior-support'];
    const options = ['--json', '--no-open', '--data', product.dataDir];
    const waiting = atf([...words, 'none', ...options], { cwd: product.home });
    await change(security, 'none', { from: 'junior' });
    const lifted = await waiting;
    expect(lifted.code, lifted.stderr).toBe(0);
    expect(JSON.parse(lifted.stdout)).toMatchObject({ ceiling: null, effectiveLevel: 'senior' });
    const nobody = await atf([...words, 'intern', '--wait', '0', ...options], { cwd: product.home });
    expect(nobody).toMatchObject({ code: 6, stderr: expect.stringContaining('/agents/senior-support') });
    expect(await atf([...words, 'emperor', ...options], { cwd: product.home })).toMatchObject({ code: 2 });
    await until('the activity to say so', async () => {
      const now = await security.client.call('activity.list', { query: { limit: 50 } });
      return now.items.some(({ summary }) => summary.includes('is lifted (it was junior)'))
        ? true
        : undefined;
    });
  });
});
