/** The demo as a person runs it: exit code 0 only when all of the story happened. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from './cli-run.ts';
import { root } from './product.ts';

it('plays the whole story against a product of its own', async () => {
  const ran = await run(join(root, 'examples/demo/main.ts'), ['--own']);
  expect(ran.stderr + ran.stdout).toContain('All of it happened');
  expect(ran.code).toBe(0);
  const chapters = ran.stdout.split('\n').flatMap((line) => /^(\d)\. /.exec(line)?.[1] ?? []);
  expect(chapters).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
  for (const said of [
    'policy.not_permitted',
    'maturity.approval_required',
    'segmentation.transaction_exceeded',
    'segmentation.out_of_domain',
  ]) {
    expect(ran.stdout).toContain(said);
  }
  expect(ran.stdout).toMatch(/from the request to the confirmation of the gateway: [\d.]+ ms/);
  expect(ran.stdout).toMatch(/entry \d+: its bytes do not have the hash that was logged/);
  // No terminal: no colours, whatever agents and tools said.
  expect(ran.stdout).not.toContain('\u001b');
});
