/** Writes docs/errors.md and docs/events.md from the catalogues: `node tests/house/catalogue-tables.ts`. */
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ErrorEntry, errors } from '../../packages/core/src/errors.ts';
import { events } from '../../packages/core/src/events.ts';

export function catalogueTables(): Record<'errors.md' | 'events.md', string> {
  const rows = (Object.entries(errors) as [string, ErrorEntry][]).map(
    ([code, { status, requirement, title, help }]) => `| \`${code}\` | ${status} | ${requirement ?? ''} | ${title} | ${help} |`,
  );
  const happened = Object.entries(events).map(([name, says]) => `| \`${name}\` | ${says} |`);
  return {
    'errors.md': `# Errors\n\nEvery refusal and error has a code that never changes its meaning. Over HTTP it is a problem document (RFC 9457) with \`code\`,
\`requirement\` (the ATF requirement that it enforces) and \`help\`; over MCP it is a tool result with \`isError\` and the same fields.\n\n| code | HTTP | requirement | what | what would help |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`,
    'events.md': `# Events\n\nWhat the log records. Every entry names one of these types.\n\n| event | when |\n| --- | --- |\n${happened.join('\n')}\n`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = resolve(dirname(fileURLToPath(import.meta.url)), '../../docs');
  for (const [name, text] of Object.entries(catalogueTables())) writeFileSync(join(docs, name), text);
}
