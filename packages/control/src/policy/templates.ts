/** Room: policy (S-2). Policies for the usual, to be changed and put beside the others: what there is, and the text of one with its cases. Shipped with ATF. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shippedPolicyDir } from '../config.ts';

const dir = join(shippedPolicyDir, 'templates');

export interface Template {
  readonly name: string;
  /** What it does, in one line. */
  readonly says: string;
  readonly text: string;
  /** A case file for it; absent: it has none. */
  readonly cases?: string;
}

/** The first sentence of the comment at its head, which says what it is for. */
const firstSentence = (text: string): string => {
  const lines = text.split('\n');
  const head = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  const words = head.map((line) => line.slice(2).trim()).join(' ');
  const [sentence = ''] = words.replace(/^A template: /, '').split(/(?<=\.) /);
  return sentence.replace(/\.$/, '');
};

/** All of them, by name. @throws when the folder of ATF's own policies cannot be read */
export async function templates(): Promise<Template[]> {
  const files = (await readdir(dir)).filter((name) => name.endsWith('.cedar')).sort();
  const withCases = new Set(await readdir(join(dir, 'cases')));
  return Promise.all(
    files.map(async (file): Promise<Template> => {
      const name = file.slice(0, -'.cedar'.length);
      const text = await readFile(join(dir, file), 'utf8');
      const cases = withCases.has(`${name}.yaml`)
        ? await readFile(join(dir, 'cases', `${name}.yaml`), 'utf8')
        : undefined;
      return { name, says: firstSentence(text), text, ...(cases === undefined ? {} : { cases }) };
    }),
  );
}
