/** Live measures: what the product says about its own governance, over HTTP and for Prometheus, after real calls, a real approval and a real stop. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approve, call, Product, type Signed, until } from './product.ts';

let product: Product;
let approver: Signed;

beforeAll(async () => {
  product = await Product.start();
  approver = await product.signIn('paula.reyes@example.com');
});
afterAll(async () => product.remove());

const refund = { order_id: 'O-5005', amount: 20, currency: 'EUR', reason: 'arrived broken' };

it('counts decisions, outcomes, waiting and stops, in the API and for Prometheus', async () => {
  const operator = await product.operator();
  expect(await operator.call('measures')).toMatchObject({
    decisions: { allowed: 0, waiting: 0, refused: 0 },
    records: { intents: 0, missing: 0 },
    approvals: { decided: 0, waiting: 0 },
  });
  const senior = await (await product.agent('senior-support')).mcp('back-office');
  const junior = await (await product.agent('junior-support')).mcp('back-office');
  for (let n = 0; n < 3; n++) expect((await call(senior, 'list_orders', {})).isError).toBe(false);
  expect((await call(senior, 'create_refund', { ...refund, amount: 5_000 })).isError).toBe(true);
  const asked = await call(junior, 'create_refund', refund);
  await approve(approver, asked.atf.approvalId ?? '');
  const scope = { kind: 'tool' as const, id: 'back-office/send_email' };
  const stop = await operator.call('containment.stop', { body: { scope, state: 'killed', reason: 'drill' } });

  const measures = await until('the measures of that', async () => {
    const now = await operator.call('measures');
    // The gateway ships its records in their order; the question is the last of them.
    return now.decisions.waiting === 1 && now.approvals.decided === 1 && now.lastKill !== undefined
      ? now
      : undefined;
  });
  expect(measures).toMatchObject({
    decisions: { allowed: 3, waiting: 1, refused: 1, authorizationRate: 0.6 },
    records: { intents: 3, underWay: 0, missing: 0 },
    approvals: { decided: 1, waiting: 0 },
    lastKill: { tookMs: stop.tookMs },
  });
  expect(measures.approvals.p50Seconds).toBeGreaterThan(0);
  expect(measures.decide?.p99Ms).toBeGreaterThanOrEqual(measures.decide?.p50Ms ?? Number.POSITIVE_INFINITY);

  const control = await (await fetch(`${product.ready.controlUrl}/metrics`)).text();
  expect(control).toMatch(/^atf_authorization_ratio 0\.6$/m);
  expect(control).toMatch(/^atf_intents_without_outcome 0$/m);
  expect(control).toMatch(/^atf_last_stop_seconds \d+\.\d+/m);
  const gateway = await (await fetch(`${product.ready.gatewayUrl}/metrics`)).text();
  expect(Number(/^atf_decide_seconds_count (\d+)$/m.exec(gateway)?.[1])).toBeGreaterThanOrEqual(5);
});
