/**
 * `npm run train`: trains the two models for injection and the one for toxicity from a folder of data sets, writes them to `packages/core/models/`, and their figures
 * to the cards in `docs/models/`. The same data and seed give the same files.
 *
 * Options: `--data DIR`, `--seed N`, `--only NAME`, `--dry` (prints the figures and writes nothing).
 */
import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeModel } from '@atf/core/data/models/linear-model';
import { Random } from '../../tests/simulator/random.ts';
import { figures } from './figures.ts';
import { recipes } from './recipes.ts';
import { readData } from './rows.ts';
import { train } from './train.ts';

const root = join(import.meta.dirname, '../..');
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: process.env['ATF_DATA'] ?? join(root, '../shared/data') },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed);
if (!Number.isSafeInteger(seed) || seed < 0 || seed >= 2 ** 31)
  throw new Error(`--seed is a whole number below 2^31, not ${options.seed}`);
if (options.only !== undefined && !recipes.some(({ name }) => name === options.only))
  throw new Error(`--only is one of ${recipes.map(({ name }) => name).join(', ')}`);

/** Everything after the line with the mark is written by this program. */
const mark = '<!-- Figures: written by `npm run train`. -->';
const data = readData(options.data);

for (const recipe of recipes) {
  if (options.only !== undefined && recipe.name !== options.only) continue;
  const startMs = performance.now();
  const split = recipe.split(data, new Random(seed));
  const { parts, model, rows, attacks } = train(split.train, split.calibrate, recipe.grams, seed);
  const bytes = encodeModel(parts);
  const file = `packages/core/models/${recipe.name}.bin`;
  const text = [
    `\`${file}\`: ${bytes.length} bytes, SHA-256 \`${hash('sha256', bytes)}\`. Seed ${seed}; ${rows} rows, ${attacks} of them to be found (SHA-256 \`${parts.trainedOn}\`).`,
    figures(recipe, model, split, seed),
  ].join('\n\n');
  process.stdout.write(
    `\n# ${recipe.name} (${((performance.now() - startMs) / 1_000).toFixed(0)} s)\n\n${text}\n`,
  );
  if (options.dry) continue;
  writeFileSync(join(root, file), bytes);
  const card = join(root, `docs/models/${recipe.name}.md`);
  const [prose] = readFileSync(card, 'utf8').split(mark);
  writeFileSync(card, `${prose}${mark}\n\n${text}\n`);
}
