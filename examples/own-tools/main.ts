/**
 * An agent program that runs its own tools: the order desk of the example workspace, governed by the action API. It looks an order up, cancels it, and
 * says what became of both. As the Senior it does so at once; as the Junior it waits until a person has approved.
 *
 *     ATF_JOIN_TOKEN=… node main.ts [--control http://localhost:7780] [--order O-7001] [--wait 300]
 */
import { parseArgs } from 'node:util';
import { ActionRefused, Actions } from '@atf/sdk/actions';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { generateAgentKey } from '@atf/sdk/agent-key';
import { enrolInstance, renewCredential } from '@atf/sdk/enrol';

const { values } = parseArgs({
  options: {
    control: { type: 'string', default: 'http://localhost:7780' },
    order: { type: 'string', default: 'O-7001' },
    wait: { type: 'string', default: '300' },
  },
});
const joinToken = process.env['ATF_JOIN_TOKEN'];
if (joinToken === undefined) {
  process.stderr.write('Set ATF_JOIN_TOKEN to what this prints: npx atf agent enrol senior-support\n');
  process.exit(2);
}

type OrderArgs = { readonly order_id: string };
/** The books of this desk. A real one would be a database. */
const orders = new Map<string, 'open' | 'cancelled'>([[values.order, 'open']]);
const stateOf = (order_id: string) => ({ order_id, state: orders.get(order_id) ?? 'open' });

const controlUrl = values.control;
const key = await generateAgentKey();
const credential = await enrolInstance({ controlUrl, joinToken, key });
const fetch = agentFetch({
  credential,
  key,
  renew: ({ instanceId }) => renewCredential({ controlUrl, key, instanceId }),
});

const desk = new Actions({ fetch, server: 'order-desk' });
const waitSeconds = Number(values.wait);
const lookUp = desk.guard({ name: 'look_up_order', run: ({ order_id }: OrderArgs) => stateOf(order_id) });
const cancel = desk.guard(
  {
    name: 'cancel_order',
    run: ({ order_id }: OrderArgs, { signal }) => {
      // A stop that comes now still counts: look before each step that cannot be taken back.
      signal.throwIfAborted();
      orders.set(order_id, 'cancelled');
      return stateOf(order_id);
    },
  },
  { waitSeconds },
);

try {
  const before = await lookUp({ order_id: values.order });
  process.stdout.write(`${credential.agent} looked ${values.order} up: ${before.state}\n`);
  process.stdout.write(`cancelling it; where a person has to approve, this waits up to ${waitSeconds} s …\n`);
  const after = await cancel({ order_id: values.order }, { reason: 'The customer changed their mind.' });
  process.stdout.write(`${values.order} is ${after.state}\n`);
} catch (fault) {
  if (!(fault instanceof ActionRefused)) throw fault;
  process.stdout.write(`refused: ${fault.message} (${fault.refusal.code})\n`);
  process.exitCode = 1;
}
