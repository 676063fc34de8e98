/**
 * The analysis of combinations through the front door: what it says of the example workspace is what really happens there; its cut really cuts; CI fails on
 * what is new, and not on what people have accepted for exactly these agents until a day.
 */
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompositionStep, PolicyAnalysis, PolicyFinding } from '@atf/core/wire/policy-analysis';
import type { ControlClient } from '@atf/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { call, Product, root } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

let product: Product;
let operator: ControlClient;

const file = (name: string) => join(product.home, name);
const cli = (...args: string[]) =>
  atf(['policy', 'analyze', ...args, '--data', product.dataDir, '--json'], {
    env: { XDG_CONFIG_HOME: `${product.home}/config` },
  });
async function analysed(...args: string[]): Promise<PolicyAnalysis> {
  const ran = await cli(...args);
  expect(ran.code, ran.stderr).toBe(0);
  return documents(ran)[0] as unknown as PolicyAnalysis;
}
const kinds = ({ findings }: Pick<PolicyAnalysis, 'findings'>) =>
  findings.map(({ kind, severity, agents }) => `${kind} ${severity} ${agents.names.join('+')}`);
const toolsOf = (held: PolicyFinding['cut']) => held.map(({ tool }) => tool);
const stepOf = (step: CompositionStep): string => {
  if (step.kind === 'store') return step.server;
  if (step.kind === 'right') return `${step.agents.names[0]} ${step.tool}`;
  return `${step.from.names[0]} ${step.way} ${step.to.names[0]}`;
};
const leakOf = ({ findings }: PolicyAnalysis) => findings.find(({ kind }) => kind === 'leak');

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
});
afterAll(async () => product.remove());

describe('the example workspace', () => {
  it('has combinations, with paths, policies, what stands between, and the smallest cut', async () => {
    const analysis = await analysed();
    expect(kinds(analysis)).toEqual([
      'hijack_across high senior-support',
      'trifecta medium principal-operations',
      'leak medium principal-operations',
      'hijack medium senior-support',
      'hijack low principal-operations',
    ]);
    expect(leakOf(analysis)).toMatchObject({
      says: expect.stringContaining('can be sent out with back-office/send_email'),
      between: [],
      path: [
        { part: 'source', tool: 'back-office/list_customers', freedom: 'alone', policies: ['levels.read'] },
        {
          part: 'sink',
          tool: 'back-office/send_email',
          freedom: 'alone',
          untrusted: 'person',
          policies: ['levels.principal_acts'],
        },
      ],
      cut: [{ tool: 'back-office/send_email' }],
      counts: { cut: 1, cutRights: 1 },
    });
    const [across, trifecta] = analysis.findings;
    expect(across?.path.map(stepOf)).toEqual([
      expect.stringContaining('principal-operations files/'),
      'principal-operations words senior-support',
      expect.stringContaining('senior-support back-office/'),
    ]);
    // The store of orders is another way to it, so that the refund itself is the least to take away.
    expect(across).toMatchObject({
      between: [],
      cut: [{ tool: 'back-office/create_refund' }],
      cutStarts: [],
    });
    expect(trifecta?.between).toEqual(['provenance']);
    expect(toolsOf(trifecta?.untrusted ?? [])).toContain('files/read_text_file');
  });

  it('says what really happens: nobody stands between customers and a mail', async () => {
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    expect((await call(office, 'list_customers', {})).isError).toBe(false);
    const sent = await call(office, 'send_email', {
      to: 'somebody@elsewhere.example',
      subject: 'Customers',
      body: 'All of them.',
    });
    expect(sent.isError).toBe(false);
    await office.close();
  });

  it('shows one agent with the graph of what it holds, and nobody who does not exist', async () => {
    const { graph, findings } = await analysed('--agent', 'senior-support');
    expect(findings.map(({ kind }) => kind)).toEqual(['hijack_across', 'hijack']);
    const refund = graph?.rights.find(({ tool }) => tool === 'back-office/create_refund');
    expect(refund).toMatchObject({ parts: ['dangerous'], keeps: ['back-office (finance)'] });
    const orders = graph?.stores.find(({ server }) => server === 'back-office (orders)');
    expect(orders?.writers.names).toContain('principal-operations');
    const nobody = await cli('--agent', 'nobody');
    expect([nobody.code, failure(nobody).code]).toEqual([1, 'identity.agent_not_found']);
  });

  it('asks what would be at another level, and counts what waits for a person only if asked', async () => {
    expect(kinds(await analysed('--level', 'intern'))).toEqual([]);
    expect(kinds(await analysed('--level', 'principal'))).toContain('hijack medium intern-analyst');
    const approved = await analysed('--level', 'junior', '--through', 'person');
    expect(leakOf(approved)).toMatchObject({ severity: 'low', between: ['person'] });
    expect(kinds(await analysed('--level', 'junior'))).toEqual([]);
  });

  it('finds nothing where the cut is taken away', async () => {
    const dir = file('cut');
    cpSync(join(root, 'policies'), dir, { recursive: true });
    appendFileSync(
      join(dir, 'guardrails.cedar'),
      '\n@id("guardrails.no_mail")\n@requirement("S-2")\nforbid (principal, action, resource == ATF::Tool::"back-office/send_email");\n',
    );
    const cut = await analysed('--policies', dir, '--agent', 'principal-operations');
    expect(cut.candidate).toBeDefined();
    expect(kinds(cut).filter((kind) => !kind.startsWith('hijack_across'))).toEqual([]);
  });
});

describe('in CI', () => {
  const accept = (entries: string) => {
    writeFileSync(file('accepted.yaml'), `accepted:\n${entries}`);
    return file('accepted.yaml');
  };
  const entry = (id: string, agents: string, until: string) =>
    `  - { finding: ${id}, agents: ${agents}, reason: "Mail is its job.", until: ${until} }\n`;

  it('fails as bad as asked for, unless it is accepted, for these agents, until a day', async () => {
    expect((await cli('--level', 'intern', '--fail-on', 'high')).code).toBe(0);
    const failed = await cli('--fail-on', 'medium');
    expect([failed.code, failed.stderr]).toEqual([8, expect.stringContaining('4 combinations')]);
    const { findings } = await analysed();
    const ids = findings.filter(({ severity }) => severity !== 'low').map(({ id }) => id);
    const all = (agents: string, until: string) => ids.map((id) => entry(id, agents, until)).join('');
    const gate = async (entries: string) =>
      (await cli('--fail-on', 'medium', '--accepted', accept(entries))).code;
    expect(await gate(all('all', '2999-12-31'))).toBe(0);
    expect(await gate(all('[principal-operations, senior-support]', '2999-12-31'))).toBe(0);
    expect(await gate(all('[senior-support]', '2999-12-31'))).toBe(8);
    expect(await gate(all('all', '2020-01-01'))).toBe(8);
    expect(await gate(entry(ids[0] ?? '', 'all', '2999-12-31'))).toBe(8);
    const gone = await cli('--accepted', accept(entry('gone', 'all', '2999-12-31')));
    expect([gone.code, gone.stderr]).toEqual([0, expect.stringContaining('not found any more')]);
  });

  it('refuses a file that does not say it properly', async () => {
    for (const text of ['  - { finding: x, agents: all, reason: why }\n', '  - x\n', '  - [\n']) {
      const ran = await cli('--accepted', accept(text));
      expect([ran.code, failure(ran).message]).toEqual([2, expect.stringContaining('what is accepted')]);
    }
    expect((await cli('--accepted', file('none.yaml'))).code).toBe(2);
  });
});

describe('two agents that lack what the other has', () => {
  // One of the example may start anybody, so that everything reaches everybody.
  beforeAll(async () => {
    const manifest = readFileSync(join(root, 'examples/workspace/agents/senior-support.yaml'), 'utf8')
      .replace(/^version: .*$/m, 'version: 9.0.0')
      .replace('maySpawn: true', 'maySpawn: true\nmayStart: [junior-support]');
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  });

  it('leak together through what they share, and one of many rights ends it', async () => {
    const register = (name: string, tools: string[]) =>
      operator.call('agents.register', {
        body: {
          manifest: readerManifest(name, tools).replace(
            'dataDomains: [orders, finance]',
            'dataDomains: [orders, customers, communication]',
          ),
          format: 'yaml',
        },
      });
    await register('desk-writer', ['back-office/search_customers', 'order-desk/cancel_order']);
    await register('desk-mailer', ['order-desk/look_up_order', 'back-office/send_email']);
    const args = ['--level', 'principal', '--agent', 'desk-mailer'];
    const analysis = await analysed(...args);
    expect(kinds(analysis).filter((kind) => kind.startsWith('leak'))).toEqual([
      'leak_across medium desk-mailer',
    ]);
    const leak = analysis.findings.find(({ kind }) => kind === 'leak_across');
    expect(leak?.path.map(stepOf)).toEqual([
      'desk-writer back-office/search_customers',
      'desk-writer order-desk/cancel_order',
      'order-desk (orders)',
      'desk-mailer order-desk/look_up_order',
      'desk-mailer back-office/send_email',
    ]);
    expect(toolsOf(leak?.cut ?? [])).toEqual(['back-office/send_email']);
    // Who only takes part is told of it, too.
    const writer = await analysed('--level', 'principal', '--agent', 'desk-writer');
    expect(writer.findings.map(({ id }) => id)).toContain(leak?.id);
  });

  it('leak together through the work that one gives the other, until it may not start it any more', async () => {
    const register = (name: string, tools: string[], version: string, starting: string) =>
      operator.call('agents.register', {
        body: {
          manifest: `${readerManifest(name, tools)
            .replace('dataDomains: [orders, finance]', 'dataDomains: [customers, communication]')
            .replace(/^version: .*$/m, `version: ${version}`)
            .replace(/^maySpawn: .*$/m, '')}\n${starting}\n`,
          format: 'yaml',
        },
      });
    const reader = (version: string, starting: string) =>
      register('case-reader', ['back-office/search_customers'], version, starting);
    await reader('1.0.0', 'maySpawn: true\nmayStart: [case-mailer]');
    await register('case-mailer', ['back-office/send_email'], '1.0.0', 'maySpawn: false');
    const asked = async (level: string) =>
      (await analysed('--level', level, '--agent', 'case-mailer')).findings.filter(({ path }) =>
        path.every((step) => step.kind !== 'right' || step.agents.names[0]?.startsWith('case-')),
      );
    const [leak, ...others] = await asked('principal');
    expect(others).toEqual([]);
    expect(leak).toMatchObject({ kind: 'leak_across', severity: 'medium', between: [] });
    expect(leak?.path.map(stepOf)).toEqual([
      'case-reader back-office/search_customers',
      'case-reader words case-mailer',
      'case-mailer back-office/send_email',
    ]);
    expect(leak?.says).toContain('through the work that case-reader can give case-mailer');
    const { graph } = await analysed('--level', 'principal', '--agent', 'case-reader');
    expect(graph?.starts).toEqual({ names: ['case-mailer'], count: 1 });
    const text = await atf(
      [
        'policy',
        'analyze',
        '--level',
        'principal',
        '--agent',
        'case-mailer',
        '--fail-on',
        'medium',
        '--data',
        product.dataDir,
      ],
      { env: { XDG_CONFIG_HOME: `${product.home}/config` } },
    );
    expect([text.code, text.stdout]).toEqual([
      8,
      expect.stringContaining('[case-reader gives work to case-mailer]'),
    ]);
    // A Junior starts nobody.
    expect(await asked('junior')).toEqual([]);
    await reader('2.0.0', 'maySpawn: false');
    expect(await asked('principal')).toEqual([]);
  });

  it('are refused to whoever has not signed in, and to odd questions', async () => {
    const ask = (query: string, headers: Record<string, string> = {}) =>
      fetch(`${product.ready.controlUrl}/v1/policy/analysis${query}`, { headers });
    expect((await ask('')).status).toBe(401);
    const token = readFileSync(join(product.dataDir, 'operator.token'), 'utf8').trim();
    const odd = await ask('?through=never', { authorization: `Bearer ${token}` });
    expect(odd.status).toBe(400);
    const candidate = await ask('?candidate=00000000-0000-4000-8000-000000000000', {
      authorization: `Bearer ${token}`,
    });
    expect(candidate.status).toBe(404);
  });
});
