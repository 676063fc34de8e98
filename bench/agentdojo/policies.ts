/** The policy set of one profile: the files that are shipped, with the template for stricter provenance, or a rule to compare them with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyDoc } from '@atf/core/wire/feed';
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, type PolicyFiles, readPolicyFiles } from '@atf/control/policy/files';

/**
 * `none`: everything is permitted · `read-then-write`: nothing is changed or sent after anything untrusted was read · `default`: as shipped · `strict`: with the
 * template.
 */
export const profiles = ['none', 'read-then-write', 'default', 'strict'] as const;
export type Profile = (typeof profiles)[number];

const folder = join(import.meta.dirname, '../../policies');
const template = 'strict-provenance.cedar';
const everything = '@id("bench.everything")\n@requirement("S-2")\npermit (principal, action, resource);\n';

async function filesOf(profile: Profile): Promise<PolicyFiles['files']> {
  const { files } = await readPolicyFiles(folder);
  if (profile === 'none' || profile === 'read-then-write')
    return [
      ...files.filter(({ name }) => !name.endsWith('.cedar')),
      { name: 'everything.cedar', text: everything },
    ];
  if (profile === 'default') return files;
  return [...files, { name: template, text: await readFile(join(folder, 'templates', template), 'utf8') }];
}

/** @throws when a file does not compile */
export async function policyOf(profile: Profile): Promise<PolicyDoc> {
  const cedar = new Cedar();
  try {
    const compiled = await compileFiles(cedar, { files: await filesOf(profile) });
    if (!compiled.ok) throw new Error(compiled.problems.join('\n'));
    return { digest: compiled.set.digest, epoch: 1, policies: compiled.set.policies };
  } finally {
    await cedar.close();
  }
}
