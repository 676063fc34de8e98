/** Writes docs/errors.md, docs/events.md and docs/conformance.md from the catalogues: `node --conditions=atf-src tests/house/catalogue-tables.ts`. */
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ErrorEntry, errors } from '../../packages/core/src/errors.ts';
import { events } from '../../packages/core/src/events.ts';
import { requirements } from '../../packages/core/src/requirements.ts';
import { levels } from '../../packages/core/src/wire/words.ts';
import { statuses } from '../../packages/control/src/conformance/status.ts';

export function catalogueTables(): Record<'errors.md' | 'events.md' | 'conformance.md', string> {
  const rows = (Object.entries(errors) as [string, ErrorEntry][]).map(
    ([code, { status, requirement, title, help }]) =>
      `| \`${code}\` | ${status} | ${requirement ?? ''} | ${title} | ${help} |`,
  );
  const happened = Object.entries(events).map(([name, says]) => `| \`${name}\` | ${says} |`);
  const letter = { MUST: 'M', SHOULD: 'S', MAY: 'o' } as const;
  const shown = { proved: 'proved', partly: 'partly', not_yet: 'not yet' } as const;
  const rows25 = requirements.map(({ id, name, binds }) => {
    const { status, says, tests } = statuses[id];
    return `| ${id} | ${name} | ${levels.map((level) => letter[binds[level]]).join(' ')} | ${shown[status]} | ${says} | ${tests.join('<br>')} |`;
  });
  return {
    'conformance.md': `# Conformance\n\nThe 25 core requirements of the Agentic Trust Framework 0.9.1, how they bind at Intern, Junior, Senior and Principal (M must, S should, o may), and what this version proves. The framework knows
two tiers: *ATF Compatible*, self-attested, which this table serves; and *ATF Certified*, which needs all 25, an audit by a third party and 90 days of production. \`npx atf conformance\` prints the same.\n\n| id | requirement | binds | status | what is there, what is missing | tests |\n| --- | --- | --- | --- | --- | --- |\n${rows25.join('\n')}\n`,
    'errors.md': `# Errors\n\nEvery refusal and error has a code that never changes its meaning. Over HTTP it is a problem document (RFC 9457) with \`code\`,
\`requirement\` (the ATF requirement that it enforces) and \`help\`; over MCP it is a tool result with \`isError\` and the same fields.\n\n| code | HTTP | requirement | what | what would help |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`,
    'events.md': `# Events\n\nWhat the log records. Every entry names one of these types.\n\n| event | when |\n| --- | --- |\n${happened.join('\n')}\n`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = resolve(dirname(fileURLToPath(import.meta.url)), '../../docs');
  for (const [name, text] of Object.entries(catalogueTables())) writeFileSync(join(docs, name), text);
}
