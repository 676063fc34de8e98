/**
 * A tool that changes the types of its arguments, through the front door: policies that ask about them were checked against what it was, so it is not accepted before
 * they are checked against what it is, and no comparison is ever false only because a text became a number.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearanceHeader } from '@atf/core/wire/api';
import type { JsonObject } from '@atf/core/wire/json';
import type { ControlClient } from '@atf/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ActionRefused, Actions } from '../../packages/sdk/src/actions.ts';
import { atf, failure } from './cli-run.ts';
import { confirmPolicy, Product, root, type Signed, until } from './product.ts';

let product: Product;
let operator: ControlClient;
let security: Signed;
let second: Signed;
let desk: Actions;

const environment = () => ({ env: { XDG_CONFIG_HOME: `${product.home}/config` } });
const cli = (...args: string[]) => atf([...args, '--data', product.dataDir, '--json'], environment());
const told = (...args: string[]) => atf([...args, '--data', product.dataDir], environment());

function folderWith(name: string, condition: string): string {
  const dir = join(product.home, name);
  cpSync(join(root, 'policies'), dir, { recursive: true });
  const text = `@id("own.desk") @requirement("S-4")
@title("orders that stay")
forbid (principal, action, resource == ATF::Tool::"order-desk/cancel_order")
when { ${condition} };
`;
  writeFileSync(join(dir, 'own.cedar'), text);
  return dir;
}

/** Whoever is needed confirms it: changing what is forbidden takes two. */
async function apply(dir: string, reason: string): Promise<void> {
  const applying = cli('policy', 'apply', dir, '--reason', reason);
  const refused = applying.then(({ stdout, stderr }) => {
    throw new Error(`not proposed: ${stdout}${stderr}`);
  });
  const proposed = until(
    `the candidate "${reason}"`,
    async () => (await operator.call('policy.candidates')).items.find((each) => each.reason === reason),
    120_000,
  );
  const candidate = await Promise.race([proposed, refused]);
  refused.catch(() => undefined);
  const { state } = await confirmPolicy(security, candidate);
  if (state === 'waiting') await confirmPolicy(second, candidate);
  expect((await applying).code).toBe(0);
}

const ref = { server: 'order-desk', name: 'cancel_order' };

const offer = async (orderId: JsonObject) => {
  const { tools } = parse(readFileSync(join(root, 'examples/own-tools/tools.yaml'), 'utf8')) as {
    tools: JsonObject[];
  };
  const inputSchema = { type: 'object', properties: { order_id: orderId }, required: ['order_id'] };
  const definitions = tools.map((each) =>
    each['name'] === ref.name ? { ...each, inputSchema: { ...inputSchema } } : each,
  );
  await operator.call('servers.define', { params: { name: ref.server }, body: { definitions } });
  return (await operator.call('tools.show', { params: ref })).offeredDigest ?? '';
};
const accept = async (digest: string) => {
  const given = { params: ref, body: { digest } };
  const { id } = await operator.call('clearances.ask', {
    body: { operation: 'tools.accept', ...given },
  });
  const { shownDigest } = await security.client.call('clearances.show', { params: { id } });
  const presence = await security.presence({ kind: 'clearance', id, digest: shownDigest });
  await security.client.call('clearances.grant', { params: { id }, body: { shownDigest, presence } });
  return operator.call('tools.accept', given, { headers: { [clearanceHeader]: id } });
};
const codeOf = async (order_id: unknown) => {
  try {
    const answer = await desk.verifyAction({ tool: ref.name, arguments: { order_id } as JsonObject });
    return answer.outcome;
  } catch (fault) {
    if (fault instanceof ActionRefused) return fault.refusal.code;
    throw fault;
  }
};
const becomes = (order: unknown, code: string) =>
  until(code, async () => ((await codeOf(order)) === code ? true : undefined));

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
  await security.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  second = await product.signInCleared('yuki.mori@example.com', security);
  desk = new Actions({ fetch: (await product.agent('senior-support')).fetch, server: ref.server });
});
afterAll(async () => product.remove());

describe('a tool whose arguments are of another type since', () => {
  it('is not accepted while a policy in force counts on the type that it had', async () => {
    await apply(folderWith('text', 'context.args.order_id == "13"'), 'order 13 stays');
    await becomes('13', 'policy.forbidden');
    const digest = await offer({ type: 'integer' });
    await becomes(13, 'segmentation.tool_quarantined');
    const place = /own\.cedar:4:21 own\.desk: order_id is String, and would be Long/;
    expect((await told('tool', 'show', 'order-desk/cancel_order')).stdout).toMatch(place);
    for (const given of [['--yes'], ['--digest', digest]])
      expect(failure(await cli('tool', 'accept', 'order-desk/cancel_order', ...given))).toMatchObject({
        code: 'policy.arguments_changed',
        message: expect.stringMatching(place),
      });
    await expect(accept(digest)).rejects.toMatchObject({ code: 'policy.arguments_changed' });
    expect(await codeOf(13)).toBe('segmentation.tool_quarantined');
  });

  it('is accepted once the policies were checked against what it offers, and then means what they say', async () => {
    const digest = (await operator.call('tools.show', { params: ref })).offeredDigest ?? '';
    // Both types at once fit neither definition.
    const both = folderWith('both', 'context.args.order_id == "13" || context.args.order_id == 13');
    expect((await cli('policy', 'lint', both)).code).toBe(1);
    const dir = folderWith('number', 'context.args.order_id == 13');
    expect((await cli('policy', 'lint', dir)).code).toBe(0);
    await apply(dir, 'orders have numbers');
    expect((await accept(digest)).state).toBe('active');
    await becomes(13, 'policy.forbidden');
    expect(await codeOf('13')).toBe('data.schema_invalid');
    expect(await codeOf(14)).toBe('allowed');
  });

  it('the same policies, applied again, may fit both', async () => {
    await apply(folderWith('there', 'context.args has order_id'), 'no cancelling');
    const digest = await offer({ type: 'string' });
    await expect(accept(digest)).rejects.toMatchObject({ code: 'policy.arguments_changed' });
    await apply(folderWith('there-again', 'context.args has order_id'), 'looked at again');
    const shown = await operator.call('tools.show', { params: ref });
    expect(shown.concerns).toMatchObject([{ policy: 'own.desk', argument: 'order_id', fits: true }]);
    await accept(digest);
    await becomes('14', 'policy.forbidden');
  });

  it('is replayed from its record', async () => {
    expect((await cli('audit', 'verify')).code).toBe(0);
  });
});
