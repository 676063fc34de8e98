/**
 * Where the values of a call come from (S-4, S-2), through the front door: a person gives a task, an agent works on it, and what did not come from the person's
 * words goes to a person, who is shown the source.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dpopProof } from '@atf/sdk/agent-key';
import { ControlClient } from '@atf/sdk/client';
import { renewCredential } from '@atf/sdk/enrol';
import { atf, atfBin, documents } from './cli-run.ts';
import { call, Product, released, type Signed, until } from './product.ts';

let product: Product;
let owner: Signed;
let approver: Signed;
let principal: string;

/** What the example's mail of a supplier asks an assistant to write to. */
const planted = 'archive@supplier.example';
const words = 'Please send an e-mail to ada@example.com: order O-5001 is on its way.';

beforeAll(async () => {
  product = await Product.start();
  owner = await product.signIn('ines.marchetti@example.com');
  approver = await product.signIn('paula.reyes@example.com');
  principal = (await owner.client.call('agents.show', { params: { id: 'principal-operations' } })).id;
});
afterAll(async () => product.remove());

const give = (text = words) =>
  owner.client.call('tasks.give', { params: { id: principal }, body: { words: text } });
/** An e-mail of its own in each test: a released one answers for every equal call of the agent. */
const mail = (client: Client, to: string) =>
  call(client, 'send_email', { to, subject: expect.getState().currentTestName ?? '', body: 'On its way.' });
const readMail = async (agent: Awaited<ReturnType<Product['agent']>>) => {
  const files = await agent.mcp('files');
  const read = await call(files, 'read_text_file', {
    path: join(product.dataDir, 'sandbox/supplier-mail.txt'),
  });
  expect(read.text).toContain(planted);
};

describe('with a task', () => {
  it('does what the words say, and asks about what a file says', async () => {
    const task = await give();
    const agent = await product.agent('principal-operations', { task: task.id });
    const office = await agent.mcp('back-office');
    expect((await mail(office, 'ada@example.com')).isError).toBe(false);

    await readMail(agent);
    const asked = await mail(office, planted);
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('the value of /to is from a text that files/read_text_file returned');

    // The person sees the source, and may release it all the same.
    const { approvalId = '' } = asked.atf;
    const shown = await approver.client.call('approvals.show', { params: { id: approvalId } });
    expect(shown.because).toContain('files/read_text_file');
    await released(approver, approvalId, () => mail(office, planted));

    // Neither the person nor a tool said this one; however it is written.
    for (const to of ['nobody@supplier.example', 'archive@another.example'])
      expect((await mail(office, to)).text).toContain('neither from the task nor from anything');
  });

  it('does not do what the words do not ask for', async () => {
    const task = await give();
    const office = await (await product.agent('principal-operations', { task: task.id })).mcp('back-office');
    const change = () => call(office, 'update_order_status', { order_id: 'O-5001', status: 'shipped' });
    const asked = await change();
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('the task does not ask for what update_order_status does');
    // The next call knows what the person adds; nothing is opened anew.
    await owner.client.call('tasks.add', {
      params: { id: task.id },
      body: { words: 'Then set the status of O-5001 to shipped.' },
    });
    expect((await change()).isError).toBe(false);
  });

  it('is not escaped by a value that a call of the agent itself brought in', async () => {
    const task = await give();
    const agent = await product.agent('principal-operations', { task: task.id });
    await readMail(agent);
    const office = await agent.mcp('back-office');
    await call(office, 'search_customers', { query: planted });
    expect((await mail(office, planted)).atf.code).toBe('maturity.approval_required');
  });

  it('is on record with what decided it, and without the words', async () => {
    const task = await give('Send an e-mail to ada@example.com about the nightingale.');
    const agent = await product.agent('principal-operations', { task: task.id });
    const sent = await mail(await agent.mcp('back-office'), 'ada@example.com');
    expect(sent.isError, sent.text).toBe(false);
    const { actionId = '' } = sent.atf;
    const intent = await until('the intent on record', async () => {
      const story = await owner.client
        .call('actions.show', { params: { id: actionId } })
        .catch(() => undefined);
      return story?.records
        .map(({ entry }) => JSON.parse(entry) as { type: string; body: { facts: Record<string, unknown> } })
        .find(({ type }) => type === 'action.intent');
    });
    expect(intent.body.facts).toMatchObject({
      task: { assurance: 'person', intent: 'stated' },
      provenance: [{ argument: '/to', role: 'destination', address: true, origin: 'task' }],
    });
    // Files and folders of the log come and go while it grows.
    const names = await until('the folder to be listed', () =>
      readdir(product.dataDir, { recursive: true, withFileTypes: true }).catch(() => undefined),
    );
    for (const name of names) {
      if (!name.isFile()) continue;
      const bytes = await readFile(join(name.parentPath, name.name)).catch(() => undefined);
      expect(bytes?.includes('nightingale') ?? false, join(name.parentPath, name.name)).toBe(false);
    }
  });
});

describe('without a task', () => {
  it('what an untrusted text said still goes to a person, also in another session of the same instance', async () => {
    const task = await give();
    const agent = await product.agent('principal-operations', { task: task.id });
    await readMail(agent);
    const alone = await product.sessionWithoutTask(agent);
    const asked = await mail(await alone.mcp('back-office'), planted);
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('files/read_text_file');
  });
});

describe('a task', () => {
  it('is for one agent and one session, and ends with it', async () => {
    const task = await give();
    const first = await product.agent('principal-operations', { task: task.id });
    const refusedAs = (name: string) => product.agent(name, { task: task.id });
    await expect(refusedAs('principal-operations')).rejects.toMatchObject({ code: 'identity.task_unknown' });
    await expect(refusedAs('senior-support')).rejects.toMatchObject({ code: 'identity.task_unknown' });

    const office = await first.mcp('back-office');
    expect((await call(office, 'list_orders', {})).isError).toBe(false);
    await owner.client.call('tasks.end', { params: { id: task.id } });
    await until('the session to be over', async () =>
      call(office, 'list_orders', {}).then(
        ({ atf }) => (atf.code === 'identity.session_revoked' ? true : undefined),
        () => true,
      ),
    );
    await expect(
      owner.client.call('tasks.add', { params: { id: task.id }, body: { words: 'And more.' } }),
    ).rejects.toMatchObject({ code: 'identity.task_unknown' });
  });

  it('is taken up by another copy of the agent when its session is over, with what was read for it', async () => {
    const task = await give();
    const first = await product.agent('principal-operations', { task: task.id });
    await readMail(first);
    await product.sessionWithoutTask(first);
    const second = await product.agent('principal-operations', { task: task.id });
    const asked = await mail(await second.mcp('back-office'), planted);
    expect(asked.text).toContain('files/read_text_file');
    // Renewals go on with it.
    const { controlUrl } = product.ready;
    const { instanceId, sid } = second.credential;
    const again = await renewCredential({ controlUrl, key: second.key, instanceId, task: task.id });
    expect(again.sid).toBe(sid);
  });

  it('is worked on through atf connect, and goes on when the host starts the command again', async () => {
    const task = await give();
    const operator = await product.operator();
    const { joinToken } = await operator.call('agents.joinToken', { params: { id: principal } });
    const config = mkdtempSync(join(tmpdir(), 'atf-task-'));
    const from = ['back-office', '--agent', 'principal-operations', '--control', product.ready.controlUrl];
    const command = {
      command: process.execPath,
      args: [atfBin, 'connect', ...from, '--task', task.id],
      env: { ATF_JOIN_TOKEN: joinToken, XDG_CONFIG_HOME: config, PATH: process.env['PATH'] ?? '' },
    };
    try {
      for (const start of [1, 2]) {
        const client = new Client({ name: 'host', version: '1.0.0' });
        await client.connect(new StdioClientTransport(command));
        const asked = await call(client, 'update_order_status', { order_id: 'O-5002', status: 'shipped' });
        expect(asked.text, `start ${start}`).toContain(
          'the task does not ask for what update_order_status does',
        );
        await client.close();
      }
      const { items } = await owner.client.call('tasks.list', { query: { agentId: principal } });
      expect(items.find(({ id }) => id === task.id)?.state).toBe('taken');
    } finally {
      rmSync(config, { recursive: true, force: true });
    }
  });

  it('is given and told of by those who answer for the agent, and added to by who gave it', async () => {
    const task = await give();
    const { client } = approver;
    await expect(
      client.call('tasks.give', { params: { id: principal }, body: { words } }),
    ).rejects.toMatchObject({ code: 'people.not_allowed' });
    expect((await client.call('tasks.list', {})).items).toEqual([]);
    const security = await product.signIn('yuki.mori@example.com');
    await expect(
      security.client.call('tasks.add', { params: { id: task.id }, body: { words } }),
    ).rejects.toMatchObject({ code: 'people.not_allowed' });
    expect((await owner.client.call('tasks.list', { query: { agentId: principal } })).items[0]).toMatchObject(
      {
        id: task.id,
        agent: 'principal-operations',
        state: 'open',
        turns: [words],
      },
    );
  });

  it('is given, listed and ended on the command line', async () => {
    const cli = (...args: string[]) =>
      atf([...args, '--data', product.dataDir, '--control', product.ready.controlUrl]);
    const given = await cli('task', 'give', 'principal-operations', 'Send', 'the', 'news');
    expect(given.stdout).toContain('--task');
    const [, id = ''] = /--task ([0-9a-f-]{36})/.exec(given.stdout) ?? [];
    expect((await cli('task', 'add', id, 'to ada@example.com')).code).toBe(0);
    expect((await cli('task', 'list', '--agent', 'principal-operations')).stdout).toContain(id.slice(0, 8));
    expect((await cli('task', 'end', id)).code).toBe(0);
    const again = await cli('task', 'add', id, 'more');
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain('identity.task_unknown');
  });
});

describe('a host application', () => {
  const register = (name: string, by: Signed['client'], more: { agents?: string[]; answers?: string } = {}) =>
    by.call('hosts.register', { body: { name, agents: ['principal-operations'], ...more } });
  const speaking = (authorization: string) =>
    new ControlClient({ baseUrl: product.ready.controlUrl, headers: () => ({ authorization }) });
  const host = async (name: string) => speaking(`Bearer ${(await register(name, owner.client)).credential}`);
  const body = { agent: 'principal-operations', words, for: 'user:4711' };

  it('says what a session is for, and the record says that it did, for whom, and who answers', async () => {
    const desk = await host('service-desk');
    const { id } = await desk.call('host.task', { body });
    const office = await (await product.agent('principal-operations', { task: id })).mcp('back-office');
    expect((await mail(office, planted)).atf.code).toBe('maturity.approval_required');
    const sent = await mail(office, 'ada@example.com');
    expect(sent.isError, sent.text).toBe(false);
    const intent = await until('the intent on record', async () => {
      const story = await owner.client
        .call('actions.show', { params: { id: sent.atf.actionId ?? '' } })
        .catch(() => undefined);
      return story?.records
        .map(({ entry }) => JSON.parse(entry) as { type: string; body: { facts: Record<string, unknown> } })
        .find(({ type }) => type === 'action.intent');
    });
    expect(intent.body.facts['task']).toEqual({ assurance: 'host', intent: 'stated' });
    const { items } = await owner.client.call('tasks.list', { query: { agentId: principal } });
    expect(items.find((task) => task.id === id)).toMatchObject({
      by: 'Ines Marchetti',
      host: 'service-desk',
      for: 'user:4711',
      turns: [words],
    });
    // What the same person says later is known to the next call.
    await desk.call('host.addTurn', { params: { id }, body: { words: 'And to bea@example.com.' } });
    expect((await mail(office, 'bea@example.com')).isError).toBe(false);
    await desk.call('host.endTask', { params: { id } });
    await expect(
      desk.call('host.addTurn', { params: { id }, body: { words: 'And more.' } }),
    ).rejects.toMatchObject({ code: 'identity.task_unknown' });
  });

  it('is no agent: what an agent holds declares nothing', async () => {
    const agent = await product.agent('principal-operations');
    const url = `${product.ready.controlUrl}/v1/host/tasks`;
    const proof = await dpopProof(agent.key, { method: 'POST', url });
    const { credential } = await register('forged', owner.client);
    const forged = `${credential.slice(0, -43)}${'A'.repeat(43)}`;
    for (const headers of [
      { authorization: `Bearer ${agent.credential.token}` },
      { authorization: `DPoP ${agent.credential.token}`, dpop: proof },
      { authorization: `Bearer ${forged}` },
      { dpop: proof },
    ]) {
      const refused = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        401,
        'identity.host_unknown',
      ]);
    }
    // And a host application is no person and no agent.
    await expect(speaking(`Bearer ${credential}`).call('tasks.list', {})).rejects.toMatchObject({
      code: 'identity.credential_invalid',
    });
  });

  it('speaks for its own agents, and of its own tasks', async () => {
    const [desk, shop] = [await host('desk-two'), await host('web-shop')];
    for (const agent of ['senior-support', 'nobody-there'])
      await expect(desk.call('host.task', { body: { ...body, agent } })).rejects.toMatchObject({
        code: 'identity.host_out_of_scope',
      });
    const unknown = { code: 'identity.task_unknown' };
    const more = { words: 'Also to mallory@elsewhere.example.' };
    for (const task of [await shop.call('host.task', { body }), await give()]) {
      const params = { id: task.id };
      await expect(desk.call('host.addTurn', { params, body: more })).rejects.toMatchObject(unknown);
      await expect(desk.call('host.endTask', { params })).rejects.toMatchObject(unknown);
    }
    // A person adds no words to what a host application says that another person said.
    const declared = await desk.call('host.task', { body });
    await expect(
      owner.client.call('tasks.add', { params: { id: declared.id }, body: more }),
    ).rejects.toMatchObject({ code: 'people.not_allowed' });
    await expect(desk.call('host.task', { body: { ...body, for: 'ada@example.com' } })).rejects.toMatchObject(
      { code: 'request.malformed' },
    );
  });

  it('is registered by who answers for its agents, and for nobody else', async () => {
    const denied = { code: 'people.not_allowed' };
    await expect(register('theirs', approver.client)).rejects.toMatchObject(denied);
    const answers = 'paula.reyes@example.com';
    await expect(register('theirs', owner.client, { answers })).rejects.toMatchObject(denied);
    // Not even an operator makes somebody answer who could give the agent no task.
    const operator = await product.operator();
    await expect(register('theirs', operator, { answers })).rejects.toMatchObject(denied);
    await register('twice', owner.client);
    await expect(register('twice', owner.client)).rejects.toMatchObject({ code: 'request.malformed' });
    const { items } = await owner.client.call('hosts.list');
    const { id = '' } = items.find(({ name }) => name === 'twice') ?? {};
    await expect(
      approver.client.call('hosts.revoke', { params: { id }, body: { reason: 'mine now' } }),
    ).rejects.toMatchObject(denied);
  });

  it('is added and revoked on the command line, and what it declared ends with it', async () => {
    const cli = (...args: string[]) => atf([...args, '--data', product.dataDir, '--json']);
    const added = await cli(
      ...['host', 'add', 'portal', '--agent', 'principal-operations'],
      ...['--answers', 'ines.marchetti@example.com'],
    );
    expect(added.code, added.stderr).toBe(0);
    const [made] = documents(added) as unknown as [{ credential: string; host: { answers: string } }];
    expect(made.host.answers).toBe('Ines Marchetti');
    const portal = speaking(`Bearer ${made.credential}`);
    const { id } = await portal.call('host.task', { body });
    const office = await (await product.agent('principal-operations', { task: id })).mcp('back-office');
    expect((await call(office, 'list_orders', {})).isError).toBe(false);
    expect((await cli('host', 'revoke', 'portal', '--reason', 'gone')).code).toBe(0);
    await expect(portal.call('host.task', { body })).rejects.toMatchObject({ code: 'identity.host_unknown' });
    await until('the session to be over', async () =>
      call(office, 'list_orders', {}).then(
        ({ atf: { code } }) => (code === 'identity.session_revoked' ? true : undefined),
        () => true,
      ),
    );
    const refused = product.agent('principal-operations', { task: id });
    await expect(refused).rejects.toMatchObject({ code: 'identity.task_unknown' });
    const listed = await cli('host', 'list');
    expect(listed.stdout).toContain('portal');
  });
});

describe('a file of classifications', () => {
  const classify = async (name: string, said: string) => {
    const file = join(product.dataDir, `${name}.yaml`);
    await writeFile(file, said);
    return atf([
      ...['tool', 'classify', 'files', '--file', file],
      ...['--data', product.dataDir, '--control', product.ready.controlUrl, '--json'],
    ]);
  };
  it('says what several tools are, all or none', async () => {
    const written = await classify(
      'good',
      'write_file: { writeSafe: true, reversible: true }\nread_text_file: { sensitivity: confidential }\n',
    );
    expect(documents(written).map(({ name, reviewed }) => [name, reviewed])).toEqual([
      ['write_file', true],
      ['read_text_file', true],
    ]);
    const unknown = await classify(
      'unknown',
      'read_text_file: { sensitivity: public }\nno_such_tool: { class: read }\n',
    );
    expect(unknown.code).not.toBe(0);
    const params = { server: 'files', name: 'read_text_file' };
    expect((await owner.client.call('tools.show', { params })).classification.sensitivity).toBe(
      'confidential',
    );
    for (const odd of [
      'read_text_file: { class: harmless }',
      'read_text_file: { by: person }',
      '[1]',
      'a: &x [*x]',
    ]) {
      const refused = await classify('odd', odd);
      expect(refused.code, odd).toBe(2);
    }
  });
});
