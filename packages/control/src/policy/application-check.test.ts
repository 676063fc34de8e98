/** Application sets before they come into force: the shipped example holds, and what is wrong is named by file and place. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkApplication } from './application-check.ts';
import { Cedar } from './cedar.ts';
import { type PolicyFiles, readPolicyFiles } from './files.ts';
import { lintApplicationFolder } from './folder.ts';

const cedar = new Cedar();
afterAll(() => cedar.close());
const example = join(import.meta.dirname, '../../../../examples/authzen-todo');

/** The example with one file changed, added, or taken away. */
async function changed(name: string, text: string | undefined): Promise<PolicyFiles> {
  const { files } = await readPolicyFiles(example);
  const others = files.filter((file) => file.name !== name);
  return { files: text === undefined ? others : [...others, { name, text }] };
}
const problemsOf = async (given: PolicyFiles) => {
  const checked = await checkApplication(cedar, 'todo', given);
  return checked.ok ? [] : [checked.because, ...checked.problems];
};

describe('an application set', () => {
  it('the example holds, and every policy is a reason that some case wants', async () => {
    const checked = await checkApplication(cedar, 'todo', await readPolicyFiles(example));
    expect(checked).toMatchObject({ ok: true, cases: 11, warnings: [] });
  });

  it('is checked as a folder, without a running product', async () => {
    expect(await lintApplicationFolder(example)).toEqual({
      problems: [],
      warnings: [],
      policies: 5,
      cases: 11,
    });
    const { problems } = await lintApplicationFolder(join(example, '../../policies'));
    expect(problems).toContainEqual(
      expect.stringContaining('settings.yaml: not a file of an application set'),
    );
  });

  it.each([
    ['todo.cedar', 'permit (principal, action, resource', 'parse', /todo\.cedar:1/],
    ['entities.yaml', '- { type: user }', 'parse', /entities\.yaml: 0\.id/],
    ['entities.yaml', '- { type: user, id: a }\n- { type: user, id: a }', 'parse', /described twice/],
    ['entities.yaml', undefined, 'cases', /wanted true, got false/],
    ['cases/todo.yaml', undefined, 'parse', /no cases/],
    ['cases/todo.yaml', 'cases: [{ name: x, want: { decision: true } }]', 'parse', /needs subject/],
    ['settings.yaml', '{}', 'parse', /not a file of an application set/],
    ['schema.cedarschema', 'entity user;', 'parse', /todo/],
  ])('%s as %j is refused', async (name, text, because, words) => {
    const [kind, ...problems] = await problemsOf(await changed(name, text));
    expect([kind, problems.join('\n')]).toEqual([because, expect.stringMatching(words) as string]);
  });
});
