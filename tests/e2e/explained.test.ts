/** A decision in plain words (B-5), through the front door: `atf action show`, also for who may not read the arguments. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResponseOf } from '@atf/core/wire/api';
import { atf } from './cli-run.ts';
import { call, Product, released, type Signed, until } from './product.ts';

let product: Product;
let owner: Signed;
const stranger = 'nightingale@elsewhere.example';

beforeAll(async () => {
  product = await Product.start();
  owner = await product.signIn('ines.marchetti@example.com');
});
afterAll(async () => product.remove());

const cli = (...args: string[]) => atf([...args, '--data', product.dataDir]);

async function storyOf(actionId = ''): Promise<ResponseOf<'actions.show'>> {
  return until('the decision on record', async () => {
    const story = await owner.client
      .call('actions.show', { params: { id: actionId } })
      .catch(() => undefined);
    return story?.told === undefined ? undefined : story;
  });
}

describe('atf action show', () => {
  it('says who asked, where the address came from, which policy decided, and what would have changed it', async () => {
    const { id } = await owner.client.call('agents.show', { params: { id: 'principal-operations' } });
    const task = await owner.client.call('tasks.give', {
      params: { id },
      body: { words: 'Please send an e-mail to ada@example.com: order O-5001 is on its way.' },
    });
    const office = await (await product.agent('principal-operations', { task: task.id })).mcp('back-office');
    const send = (to: string) => call(office, 'send_email', { to, subject: 'Order', body: 'On its way.' });
    const asked = await send(stranger);
    expect(asked.atf.code).toBe('maturity.approval_required');
    const { actionId = '' } = asked.atf;
    await storyOf(actionId);

    const shown = await cli('action', 'show', actionId.slice(0, 8), '--checks');
    expect(shown.stdout, shown.stderr).toMatch(
      /principal-operations \S+ asked for back-office\/send_email, which sends something out, over MCP/u,
    );
    for (const words of [
      'It was decided at level principal, its own.',
      'A person gave its session a task, whose words ask for what the tool does.',
      'the value of /to is neither from the task nor from anything that this session was given',
      'At level and approval it had to wait for a person',
      'Determined by policy provenance.',
      'It would have been allowed if a person had approved exactly this call',
      'or if its values had stood in a task of its session',
      'gate_maturity',
    ])
      expect(shown.stdout.replace(/\s+/gu, ' ')).toContain(words);
    // No value of an argument, whoever looks.
    expect(shown.stdout).not.toContain('nightingale');

    // Released by a person, it says so; and that it would have waited otherwise.
    const approver = await product.signIn('paula.reyes@example.com');
    const sent = await released(approver, asked.atf.approvalId, () => send(stranger));
    const { told } = await storyOf(sent.atf.actionId);
    expect(told?.decision.join(' ')).toContain('It was allowed, with the approval of a person');
    expect(told?.otherwise.join(' ')).toContain(
      'It would have waited for a person if no person had approved it',
    );
  });

  it('says what would have let a refused call pass', async () => {
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const refused = await call(office, 'update_order_status', { order_id: 'O-5001', status: 'shipped' });
    const { told, decision } = await storyOf(refused.atf.actionId);
    expect(decision?.outcome).toBe('refuse');
    expect(told?.decision.join(' ')).toMatch(/it was refused: /u);
    expect(told?.otherwise).toHaveLength(1);
  });

  it('is nothing for an unknown action', async () => {
    const none = await cli('action', 'show', 'ffffffff');
    expect(none.code).not.toBe(0);
    expect(none.stderr).toContain('None of the newest actions begins with ffffffff');
  });
});
