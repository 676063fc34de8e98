/**
 * A tool server that answers from indexes, for tests: a search of each, and documents under one template. What is asked for says what it answers: `marked:LEVEL` is a
 * document that says so of itself. One search takes its index as an argument. `--dir` holds the file `offer`: with `renamed` in it the search of personnel has another name. Over stdio, 2025-11-25.
 */
import { readFileSync, watchFile } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const dir = process.argv[process.argv.indexOf('--dir') + 1];
const offerLookMs = 50;
const offer = () => {
  try {
    return readFileSync(join(dir, 'offer'), 'utf8').trim();
  } catch {
    return 'plain';
  }
};
const search = (name) => ({
  name,
  description: `Searches (${name}).`,
  inputSchema: { type: 'object', properties: { query: { type: 'string' } } },
});
const tools = () => [
  search('search_docs'),
  search(offer() === 'renamed' ? 'find_hr' : 'search_hr'),
  search('search_law'),
  search('search_mixed'),
  {
    name: 'search_in',
    description: 'Searches in one index.',
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string' },
        index: { type: ['string', 'array'] },
        filter: { type: 'object' },
      },
    },
  },
];
const templates = [{ uriTemplate: 'archive://{+path}', name: 'document', mimeType: 'text/plain' }];

function found(name, query) {
  const [word, level] = query.split(':');
  const content = [{ type: 'text', text: `${name} found ${word === 'marked' ? 'something' : query}` }];
  return word === 'marked' ? { content, _meta: { 'example.org/classification': level } } : { content };
}

function answer(method, params) {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: '2025-11-25',
        capabilities: { tools: { listChanged: true }, resources: {} },
        serverInfo: { name: 'archive', version: '1' },
      };
    case 'tools/list':
      return { tools: tools() };
    case 'resources/list':
      return { resources: [] };
    case 'resources/templates/list':
      return { resourceTemplates: templates };
    case 'tools/call':
      return found(
        `${params.name} ${params.arguments?.index ?? ''}`.trim(),
        String(params.arguments?.query ?? ''),
      );
    case 'resources/read':
      return { contents: [{ uri: params.uri, mimeType: 'text/plain', text: `text of ${params.uri}` }] };
    default:
      return undefined;
  }
}

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
watchFile(join(dir, 'offer'), { interval: offerLookMs }, () =>
  send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }),
);
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  const result = answer(method, params);
  send({
    jsonrpc: '2.0',
    id,
    ...(result === undefined ? { error: { code: -32601, message: 'no' } } : { result }),
  });
});
process.stdin.once('close', () => process.exit(0));
