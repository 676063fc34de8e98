/** `npm run demo`: the story of four agents under governance, told by what really happens. Exit code 0 only if all of it did. */
import { parseArgs } from 'node:util';
import { printConformance } from '@atf/cli/commands/conformance';
import { verifyAndTamper } from './log.ts';
import { Narrator, StoryBroken } from './narrator.ts';
import { findStage, type Stage } from './product.ts';
import { Story } from './story.ts';

const usage = `Usage: npm run demo -- [--data DIR] [--own] [--by-hand]

  --data DIR  play against the product that runs in this directory (default: the nearest .atf)
  --own       start a product of its own, whatever runs
  --by-hand   you approve the Junior's refund yourself, in the console
`;

async function play(stage: Stage, narrator: Narrator, byHand: boolean): Promise<void> {
  const story = new Story(stage, narrator, byHand);
  await story.intern();
  await story.junior();
  await story.senior();
  await story.kill(await story.principal());
  await story.recorded();
  await verifyAndTamper(stage, narrator);
  narrator.chapter('What of the framework is proved, partly there, or not yet');
  const table = await stage.operator.call('conformance');
  narrator.holds(table.items.length === 25, 'The 25 requirements, honestly:', table.counts);
  printConformance(narrator.out, table);
}

async function main(): Promise<number> {
  const narrator = new Narrator();
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      own: { type: 'boolean', default: false },
      'by-hand': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const startMs = performance.now();
  const stage = await findStage({ data: values.data, own: values.own }, (text) => narrator.tell(text));
  const onSignal = () => void stage.close().finally(() => process.exit(130));
  process.once('SIGINT', onSignal);
  try {
    await play(stage, narrator, values['by-hand']);
    narrator.out.say``;
    narrator.out
      .say`All of it happened: ${narrator.held} facts held, in ${((performance.now() - startMs) / 1_000).toFixed(1)} s.`;
    return 0;
  } catch (error) {
    const words = error instanceof StoryBroken ? 'This did not happen' : 'The story broke off';
    narrator.out
      .note`${{ style: 'red', text: `✗ ${words}:` }} ${error instanceof Error ? error.message : 'unknown fault'}`;
    if (!(error instanceof StoryBroken) && error instanceof Error && process.env.ATF_DEBUG !== undefined)
      process.stderr.write(`${error.stack ?? ''}\n`);
    return 1;
  } finally {
    process.off('SIGINT', onSignal);
    await stage.close();
  }
}

process.exitCode = await main();
