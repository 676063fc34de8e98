/** Room: policy. The thread in which recorded decisions are made again, so that control goes on answering gateways meanwhile. */
import { compilePolicySet } from '@atf/core/policy/compile';
import { policyFacts } from '@atf/core/policy/question';
import { touchedBetween, type TouchedSide } from '@atf/core/policy/touched';
import type { PolicyDoc } from '@atf/core/wire/feed';
import type { PolicyFacts } from '@atf/core/world';
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../../give-way.ts';
import { Trials } from './bundle.ts';
import type { Facts, FromThread, Task, ToThread } from './messages.ts';

/** Control answers gateways meanwhile, on the same processors. */
const niceness = 10;

if (parentPort === null) throw new Error('a backtest runs only in a thread');
const port = parentPort;
giveWay(niceness);
const tell = (said: FromThread) => port.postMessage(said);

function sideOf({ digest, epoch, policies }: PolicyDoc): TouchedSide & { readonly facts: PolicyFacts } {
  const result = compilePolicySet(policies);
  if (!result.ok) throw new Error('a policy set does not compile');
  return { policies, compiled: result.set, facts: policyFacts(result.set, digest, epoch) };
}

const { before, after, level, agentId, sinceMs } = workerData as Task;
let answered: (facts: Facts) => void = () => undefined;
const [was, would] = [sideOf(before), sideOf(after)];
const trials = new Trials(
  { before: was.facts, after: would.facts, level },
  { agentId, sinceMs, touched: level === undefined ? touchedBetween(was, would) : undefined },
  (wanted) =>
    new Promise((resolve) => {
      answered = resolve;
      tell({ wanted });
    }),
);

/** One bundle after the other, in the order in which they came. A fault is nobody's here: it ends the thread, and whoever waits is told by that. */
let last = Promise.resolve();
port.on('message', (said: ToThread) => {
  if ('facts' in said) return answered(said.facts);
  const { bundle } = said;
  last = last.then(async () => tell({ found: await trials.look(bundle) }));
  return undefined;
});
