/** The command line against the running product: every command, its exit codes, and its two forms of output. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sha256 } from '@atf/core/digest';
import { containmentKey } from '@atf/core/incident/scope-id';
import { type BodyIn, resumeShownText } from '@atf/core/wire/api';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, atfBin, documents, failure, handingOver, type Ran, run } from './cli-run.ts';
import { atOnceMs, call, Product, root, until } from './product.ts';

let product: Product;
let configDir: string;
beforeAll(async () => {
  product = await Product.start();
  configDir = mkdtempSync(join(tmpdir(), 'atf-cli-config-'));
});
afterAll(async () => {
  await product.remove();
  rmSync(configDir, { recursive: true, force: true });
});

const place = () => ({ cwd: product.home, env: { ATF_CONFIG_DIR: configDir } });
const cli = (...args: string[]): Promise<Ran> => atf([...args, '--data', product.dataDir], place());
const json = async (...args: string[]): Promise<Record<string, unknown>[]> => {
  const ran = await cli(...args, '--json');
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  return documents(ran);
};
const refund = (order: string, amount: number, reason = 'broken') => ({
  order_id: order,
  amount,
  currency: 'EUR',
  reason,
});

/** Many short processes, also where the machine is busy. */

describe('atf', () => {
  it('documents its exit codes, and they are what it says', async () => {
    expect((await atf(['--help'])).stdout).toContain('Exit codes: 0 done');
    expect((await atf(['nothing'])).code).toBe(2);
    expect((await atf(['agent', 'list', '--data', configDir])).code).toBe(3);
    const nobody = await atf(['status', '--data', product.dataDir, '--control', 'http://127.0.0.1:9']);
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('npm start')]);
    const unknown = await cli('agent', 'show', 'nobody', '--json');
    expect(failure(unknown)).toMatchObject({ exitCode: 1, code: 'identity.agent_not_found' });
    expect(readFileSync(join(root, 'docs/how-to/use-the-cli.md'), 'utf8')).toContain('| 6 |');
  });

  it('hands over to the Node of the clone when it is started with an older one', async () => {
    const older = `data:text/javascript,${encodeURIComponent('Object.defineProperty(process.versions, "node", { value: "20.20.2" })')}`;
    const ran = await run('--import', [older, atfBin, 'agent', 'show', 'nobody', '--data', product.dataDir]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('identity.agent_not_found')]);
  });

  it('tells what is wrong with arguments in both forms, and takes the common options on either side', async () => {
    const misspelt = ['kill', 'agentx', 'somebody'];
    expect(await cli(...misspelt)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'Allowed choices are agent, version, session, purpose, owner, tool, fleet',
      ),
    });
    for (const wrong of [
      misspelt,
      ['kill'],
      ['statu'],
      ['status', '--nothing'],
      ['agent'],
      ['approvals', 'reject', 'x'],
    ]) {
      const ran = await cli(...wrong, '--json');
      expect([ran.code, ran.stdout], wrong.join(' ')).toEqual([2, '']);
      expect(failure(ran)).toMatchObject({ exitCode: 2, help: expect.stringContaining('--help') });
      expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    const before = await atf(['--json', '--data', product.dataDir, 'status'], { cwd: product.home });
    expect([before.code, documents(before)]).toEqual([0, [expect.objectContaining({ example: true })]]);
  });

  it('fits tables into 80 columns, without colours where there is no terminal', async () => {
    for (const command of [
      ['agent', 'list'],
      ['agent', 'show', 'junior-support'],
      ['tool', 'list'],
      ['people', 'list'],
      ['conformance'],
      ['status'],
    ]) {
      const { stdout, code } = await cli(...command);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => [...line].length > 80 && !line.startsWith('│'))).toEqual([]);
      expect(stdout).not.toContain('\u001b');
    }
  });

  it('shows agents, tools, people and status as documents', async () => {
    const agents = (await json('agent', 'list')).map(({ name }) => name);
    expect(agents).toContain('senior-support');
    const page = await cli('agent', 'list', '--limit', '2');
    expect(page.stderr).toContain(`atf agent list --after ${agents[1]}`);
    const behind = await json('agent', 'list', '--limit', '2', '--after', String(agents[1]));
    expect(behind.map(({ name }) => name)).toEqual(agents.slice(2, 4));
    expect((await cli('agent', 'list', '--limit', '0')).stderr).toContain('1 to 500');
    const tools = await json('tool', 'list', '--server', 'back-office');
    expect(tools).toHaveLength(11);
    // What the workspace corrected was looked at by a person; what was only discovered says so.
    for (const { classification, reviewed } of tools)
      expect(reviewed).toBe((classification as { by: string }).by === 'person');
    expect((await cli('tool', 'list', '--server', 'files')).stdout).toMatch(
      /never\s+(\(automatic\)\s+)?reviewed/,
    );
    expect((await json('people', 'list')).map(({ email }) => email)).toContain('paula.reyes@example.com');
    expect(await json('status')).toMatchObject([{ example: true, agents: { total: 4 } }]);
    const [table] = await json('conformance');
    expect((table?.items as unknown[]).length).toBe(25);
  });

  it('registers an agent as Intern, and a person, and makes sign-in links', async () => {
    const manifest = readFileSync(
      join(root, 'examples/workspace/agents/senior-support.yaml'),
      'utf8',
    ).replace('name: senior-support', 'name: new-support');
    const file = join(product.home, 'new-support.yaml');
    writeFileSync(file, manifest);
    expect(await json('agent', 'register', file)).toMatchObject([
      { name: 'new-support', effectiveLevel: 'intern', bootstrap: false },
    ]);
    expect(
      await json('people', 'add', 'ada@example.com', '--name', 'Ada', '--role', 'approver', 'auditor'),
    ).toMatchObject([{ roles: ['approver', 'auditor'], bootstrap: false }]);
    const [link] = await json('sign-in', '--as', 'ada@example.com');
    expect(link?.url).toContain(product.ready.controlUrl);
    expect(failure(await cli('people', 'add', 'ada@example.com', '--name', 'Ada', '--json'))).toMatchObject({
      code: 'people.person_exists',
    });
    writeFileSync(file, 'name: x');
    expect(failure(await cli('agent', 'register', file, '--json'))).toMatchObject({
      code: 'identity.manifest_invalid',
    });
  });

  it('corrects a classification, and leaves the rest of it as it is', async () => {
    const [before] = await json('tool', 'show', 'files/write_file');
    const [after] = await json(
      'tool',
      'classify',
      'files/write_file',
      '--sensitivity',
      'confidential',
      '--object',
      'path',
    );
    expect(after).toMatchObject({
      classification: { sensitivity: 'confidential', by: 'person', arguments: { object: 'path' } },
    });
    expect(after?.definitionDigest).toBe(before?.definitionDigest);
    expect((await cli('tool', 'classify', 'files/write_file')).code).toBe(2);
    expect((await cli('tool', 'show', 'not-a-tool')).code).toBe(2);
    expect((await cli('tool', 'accept', 'files/write_file')).stdout).toContain('nothing to accept');
  });

  it('says what would happen to a call, and why; nothing runs', async () => {
    const decide = async (agent: string, amount: number) =>
      (
        await json(
          'decide',
          agent,
          'back-office/create_refund',
          '--args',
          JSON.stringify(refund('O-5001', amount)),
        )
      )[0];
    expect(await decide('intern-analyst', 5)).toMatchObject({
      outcome: 'refuse',
      code: 'policy.not_permitted',
    });
    expect(await decide('junior-support', 5)).toMatchObject({ outcome: 'ask' });
    expect(await decide('senior-support', 5)).toMatchObject({ outcome: 'allow' });
    expect(await decide('senior-support', 500)).toMatchObject({
      outcome: 'refuse',
      code: 'segmentation.transaction_exceeded',
    });
    expect(
      (await cli('decide', 'junior-support', 'back-office/create_refund', '--args', '{"a":1,"a":2}')).code,
    ).toBe(2);
  });

  it('verifies the log online and a copy offline, and names a changed entry with exit code 4', async () => {
    const [online] = await json('audit', 'verify');
    expect(online).toMatchObject({ ok: true });
    const copy = join(product.home, 'log-copy');
    await json('audit', 'copy', copy);
    expect((await json('audit', 'verify', '--offline', copy))[0]).toMatchObject({ ok: true });
    const folder = join(copy, 'tile/entries/000.p');
    const bundle = join(folder, readdirSync(folder).sort((a, b) => Number(b) - Number(a))[0] ?? '');
    const bytes = readFileSync(bundle);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(bundle, bytes);
    for (const own of [[], [product.dataDir]])
      expect((await json('audit', 'verify', '--offline', ...own))[0]).toMatchObject({ ok: true });
    const nowhere = await cli('audit', 'verify', '--offline', join(product.home, 'nowhere'));
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('There is no log in')]);
    const tampered = await cli('audit', 'verify', '--offline', copy);
    expect([tampered.code, tampered.stdout]).toEqual([4, expect.stringContaining('entry 0')]);
  });
});

describe('approvals at the command line', () => {
  it('show exactly what would run, with what hides in it made visible; one is released by a simulated person, loudly', async () => {
    const office = await (await product.agent('junior-support')).mcp('back-office');
    const wanted = refund('O-5003', 7, 'lamp\u001b[2J broken \u202etxet');
    const asked = await call(office, 'create_refund', wanted);
    const id = asked.atf.approvalId ?? '';
    expect((await json('approvals', 'list')).map((each) => each.id)).toContain(id);
    // Lists tell one waiting refund from another.
    expect((await cli('approvals', 'list')).stdout).toContain('7 EUR');
    const shown = await cli('approvals', 'show', id.slice(0, 8));
    expect(shown.stdout).toContain('⟨U+202E⟩txet');
    expect(shown.stdout).not.toMatch(/[\u001b\u202e]/);

    const real = await cli(
      'approvals',
      'approve',
      id,
      '--as',
      'ada@example.com',
      '--simulate-presence',
      '--json',
    );
    expect(real.code).toBe(1);
    const undecided = await cli('approvals', 'approve', id, '--wait', '0', '--json');
    expect([undecided.code, undecided.stderr]).toEqual([6, expect.stringContaining(`/approvals/${id}`)]);

    const approved = await cli(
      'approvals',
      'approve',
      id,
      '--as',
      'paula.reyes@example.com',
      '--simulate-presence',
    );
    expect(approved, approved.stderr).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('SIMULATED'),
    });
    const done = await until('the released call', async () => {
      const answer = await call(office, 'create_refund', wanted);
      return answer.isError ? undefined : answer;
    });
    expect(done.text).toContain('R-');
  });

  it('reject a call with a reason that the agent reads', async () => {
    const office = await (await product.agent('junior-support')).mcp('back-office');
    const asked = await call(office, 'create_refund', refund('O-5003', 8));
    const id = asked.atf.approvalId ?? '';
    expect(await json('approvals', 'reject', id, '--reason', 'twice in a week')).toMatchObject([
      { state: 'rejected' },
    ]);
    const told = await until('the rejection', async () => {
      const answer = await call(office, 'atf_approval_result', { approvalId: id });
      return answer.atf.code === 'maturity.approval_rejected' ? answer : undefined;
    });
    expect(told.text).toContain('twice in a week');
    expect(failure(await cli('approvals', 'reject', id, '--reason', 'again', '--json')).code).toBe(
      'approvals.not_waiting',
    );
  });
});

describe('atf connect', () => {
  const connect = async (args: string[]) => {
    const client = new Client({ name: 'stock-host', version: '1.0.0' });
    const env = { ...(process.env as Record<string, string>), ATF_CONFIG_DIR: configDir };
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [atfBin, 'connect', ...args, '--data', product.dataDir],
        env,
        stderr: 'ignore',
      }),
    );
    return client;
  };

  it('holds the key for a stock MCP host: enrols once, and connects again without the token', async () => {
    const [issued] = await json('agent', 'enrol', 'intern-analyst');
    const token = String(issued?.joinToken);
    const first = await connect(['back-office', '--agent', 'intern-analyst', '--join-token', token]);
    expect((await first.listTools()).tools.map(({ name }) => name)).toContain('get_order');
    expect((await call(first, 'get_order', { order_id: 'O-5001' })).text).toContain('O-5001');
    expect(await call(first, 'create_refund', refund('O-5001', 1))).toMatchObject({
      isError: true,
      atf: { code: 'policy.not_permitted' },
    });
    await first.close();

    const places = join(configDir, 'agents');
    const file = join(places, readdirSync(places)[0] ?? '', 'intern-analyst.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(join(product.dataDir, 'agents'))).toBe(false);
    const second = await connect(['back-office', '--agent', 'intern-analyst']);
    expect((await call(second, 'get_order', { order_id: 'O-5002' })).text).toContain('O-5002');
    await second.close();
    // A host that starts the same command again, used token and all.
    const third = await connect(['back-office', '--agent', 'intern-analyst', '--join-token', token]);
    expect((await call(third, 'get_order', { order_id: 'O-5003' })).text).toContain('O-5003');
    await third.close();
  });

  it('says what is missing', async () => {
    expect((await cli('connect', 'back-office', '--agent', 'senior-support')).stderr).toContain(
      'atf agent enrol senior-support',
    );
    const [issued] = await json('agent', 'enrol', 'intern-analyst');
    const other = await cli(
      'connect',
      'back-office',
      '--agent',
      'senior-support',
      '--join-token',
      String(issued?.joinToken),
    );
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('for intern-analyst')]);
  });
});

describe('stopping at the command line', () => {
  it('asks before it kills, tells what stopped and how fast, and resumes by a person', async () => {
    const office = await (await product.agent('senior-support')).mcp('back-office');
    const asked = await cli('kill', 'agent', 'senior-support');
    expect([asked.code, asked.stdout]).toEqual([
      2,
      expect.stringMatching(/^This stops agent senior-support: .* Credentials are void/),
    ]);
    expect((await cli('kill', 'agent', 'senior-support', '--pause')).stdout).toContain(
      'Credentials stay valid',
    );
    expect((await call(office, 'list_orders', {})).isError).toBe(false);
    const [report] = await json('kill', 'agent', 'senior-support', '--yes', '--reason', 'drill');
    expect(report).toMatchObject({
      state: 'killed',
      agents: ['senior-support'],
      gateways: { connected: 1, confirmed: 1 },
    });
    expect(report?.tookMs).toBeLessThan(atOnceMs);
    await expect(
      call(office, 'list_orders', {}).then(
        (answer) => answer.isError || Promise.reject(new Error('it still runs')),
        () => true,
      ),
    ).resolves.toBe(true);
    expect((await json('status'))[0]).toMatchObject({ agents: { stopped: 1 } });
    const status = await cli('status');
    expect(status.stdout).toMatch(/■ killed agent senior-support since .*: drill/);
    expect(status.stdout).toContain('agent senior-support, in force');
    const activity = await cli('activity', '--agent', 'senior-support');
    expect(activity.stdout).toContain('agent senior-support is killed; waiting approvals voided: 0.');
    expect(activity.stdout).toMatch(/The stop of agent senior-support was confirmed after \d+ ms/);

    expect(await cli('resume', 'agent', 'senior-support', '--wait', '0')).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('it is still stopped'),
    });
    for (const [option, wrong] of [
      ['--wait', ['--wait', 'soon']],
      ['--as', ['--as', 'yuki.mori@example.com', '--wait', '0']],
      ['--simulate-presence', ['--simulate-presence']],
      ['--totals', ['--totals', 'as-backup']],
    ] as const)
      expect(await cli('resume', 'agent', 'senior-support', ...wrong)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(option),
      });
    const real = await cli(
      'resume',
      'agent',
      'senior-support',
      '--as',
      'tomas.novak@example.com',
      '--simulate-presence',
      '--json',
    );
    expect(failure(real)).toMatchObject({ exitCode: 1, code: 'people.presence_required' });

    // The command hands over to the browser; here, what the person does there with a passphrase.
    const words = ['resume', 'agent', 'senior-support', '--wait', '60', '--data', product.dataDir];
    const waiting = await handingOver(words, place());
    const yuki = await product.signIn('yuki.mori@example.com');
    const passphrase = 'correct horse battery staple';
    await yuki.client.call('people.setPassphrase', { body: { passphrase } });
    const { id } = await yuki.client.call('agents.show', { params: { id: 'senior-support' } });
    const lift = async (request: Omit<BodyIn<'containment.resume'>, 'presence'>) => {
      const digest = sha256(resumeShownText(request));
      const subject = { kind: 'resume' as const, id: containmentKey(request.scope), digest };
      const { presenceId } = await yuki.client.call('people.beginPresence', { body: { subject } });
      const { presence } = await yuki.client.call('people.finishPresence', {
        params: { id: presenceId },
        body: { method: 'passphrase', passphrase },
      });
      await yuki.client.call('containment.resume', { body: { ...request, presence } });
    };
    await lift({ scope: { kind: 'agent', id }, reason: 'drill is over', ceiling: 'intern' });
    expect(await waiting.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('runs again. Its credentials stay void'),
    });
    expect(await json('agent', 'show', 'senior-support')).toMatchObject([
      { agent: { level: 'senior', effectiveLevel: 'intern', state: 'active' } },
    ]);
    expect(failure(await cli('resume', 'agent', 'senior-support', '--wait', '0', '--json')).code).toBe(
      'containment.not_stopped',
    );

    // What totals are after a restore is said in the console as well, and not by whoever approves calls.
    expect((await cli('kill', 'fleet', '--pause', '--yes')).code).toBe(0);
    const fleet = ['resume', 'fleet', '--totals', 'as-backup'] as const;
    const paula = ['--as', 'paula.reyes@example.com', '--simulate-presence'] as const;
    expect(failure(await cli(...fleet, ...paula, '--json')).code).toBe('people.not_allowed');
    const handedOver = await handingOver([...fleet, '--wait', '60', '--data', product.dataDir], place());
    await lift({ scope: { kind: 'fleet', id: '*' }, reason: 'nothing ran since', totals: 'as_backup' });
    expect(await handedOver.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('fleet runs again'),
      stderr: expect.stringContaining('Tick there: totals go on as of the backup'),
    });
    expect((await cli('activity')).stdout).toContain('fleet may act again; totals go on as of the backup.');
  });

  it('stops without control through the stop file, and lifts it', async () => {
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const code = async () => (await call(office, 'list_orders', {})).atf.code;
    expect(await code()).toBeUndefined();
    expect((await cli('kill', 'agent', 'intern-analyst', '--offline', '--yes')).code).toBe(0);
    await until(
      'the stop file to count',
      async () => ((await code()) === 'containment.agent_stopped' ? true : undefined),
      2_000,
    );
    expect((await cli('resume', 'agent', 'intern-analyst', '--offline')).code).toBe(0);
    await until(
      'the stop to be lifted',
      async () => ((await code()) === undefined ? true : undefined),
      2_000,
    );
  });

  it('shows people a stop of the stop file, and lifts the one that is named only', async () => {
    const operator = await product.operator();
    const shown = async () =>
      (await operator.call('containment.list')).items.flatMap(({ scope, gateway }) =>
        gateway === undefined ? [] : [scope.kind],
      );
    const heard = (kinds: readonly string[]) =>
      until(`the stop file to show ${kinds.join(', ')}`, async () =>
        JSON.stringify(await shown()) === JSON.stringify(kinds) ? true : undefined,
      );
    const stopped = await cli('kill', 'fleet', '--offline', '--yes', '--reason', 'drill of the host');
    expect(stopped.stdout).toContain('atf resume fleet --offline');
    const more = await cli(
      'kill',
      'agent',
      'intern-analyst',
      '--offline',
      '--yes',
      '--reason',
      'drill of the host',
    );
    expect(more.stdout).toContain('atf resume agent intern-analyst --offline');
    await heard(['fleet', 'agent']);
    const gateway = (await operator.call('overview')).gateways[0]?.name ?? '';
    const { agents } = await operator.call('overview');
    expect(agents.stopped).toBe(agents.total);
    const said = await cli('status');
    expect(said.stdout).toContain(`by the stop file of gateway ${gateway}`);
    const would = await operator.call('decide', {
      body: { agent: 'senior-support', tool: 'back-office/list_orders', args: {} },
    });
    expect(would).toMatchObject({ outcome: 'refuse', code: 'containment.fleet_stopped' });
    const online = failure(await cli('resume', 'fleet', '--wait', '0', '--json'));
    expect(online.code).toBe('containment.not_stopped');
    expect(online.help).toContain('--offline');

    // The wrong name ends nothing, and says what there is.
    const wrong = failure(await cli('resume', 'agent', 'junior-support', '--offline', '--json'));
    expect(wrong).toMatchObject({ code: 'containment.not_stopped' });
    expect(wrong.help).toContain('fleet, agent intern-analyst');
    const one = await cli('resume', 'agent', 'intern-analyst', '--offline');
    expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('Still stopped by it: fleet') });
    await heard(['fleet']);
    expect((await cli('resume', 'fleet', '--offline')).stdout).toContain('stops nothing any more');
    await heard([]);
    const lines = await until('both ends in the activity', async () => {
      const { items } = await operator.call('activity.list', { query: { limit: 100 } });
      const ours = items.flatMap(({ summary }) => (summary.includes('The stop file of') ? [summary] : []));
      return ours.some((each) => each.includes('no longer stops the whole fleet')) ? ours : undefined;
    });
    expect(lines).toContain("The stop file of the gateway's host stops the whole fleet.");
    expect(lines.join(' ')).toContain('no longer stops agent intern-analyst; stops left in it: 1');
    expect(lines.join(' ')).not.toContain('A person resumed');
  });
});

describe('atf activity', () => {
  it('tells what happened, and follows what happens until Ctrl-C', async () => {
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const args = [
      'activity',
      '--follow',
      '--json',
      '--limit',
      '1',
      '--agent',
      'intern-analyst',
      '--data',
      product.dataDir,
    ];
    const follower = spawn(process.execPath, [atfBin, ...args], {
      cwd: product.home,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => follower.once('exit', resolve));
    const lines: string[] = [];
    createInterface({ input: follower.stdout }).on('line', (line) => lines.push(line));
    await until('what happened before', () => lines[0]);
    const refused = await call(office, 'create_refund', refund('O-5001', 3));
    const item = await until('the refusal, live', () =>
      lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find(({ actionId }) => actionId === refused.atf.actionId),
    );
    expect(item).toMatchObject({
      agent: 'intern-analyst',
      tool: 'back-office/create_refund',
      outcome: 'refused',
      code: 'policy.not_permitted',
    });
    follower.kill('SIGINT');
    expect(await ended).toBe(0);
    const told = await cli('activity', '--agent', 'intern-analyst', '--outcome', 'refused');
    expect(told.stdout).toContain('✗ refused intern-analyst was refused back-office/create_refund');
    const misspelt = await cli('activity', '--outcome', 'refuse');
    expect([misspelt.code, misspelt.stderr]).toEqual([2, expect.stringContaining('refused, stopped')]);
  });
});
