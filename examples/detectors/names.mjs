/**
 * Example: a detector that runs as a service of its own (docs/how-to/add-a-detector.md). It finds the names of the customers that it was started with. A real one would ask a model;
 * what comes in and goes out is the same.
 *
 *     node names.mjs 9000 "Ada Lovelace" "Grace Hopper"
 */
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const bytesMax = 4_194_304;

/** Positions count characters (code points), not UTF-16 units. */
export function findNames(names, texts) {
  return texts.flatMap((text, at) =>
    names.flatMap((name) => {
      const found = [];
      for (let from = text.indexOf(name); from >= 0; from = text.indexOf(name, from + name.length)) {
        const start = [...text.slice(0, from)].length;
        found.push({ text: at, start, end: start + [...name].length, label: 'PERSON', score: 0.9 });
      }
      return found;
    }),
  );
}

export function answerTo(names, body) {
  const { texts } = JSON.parse(body);
  return JSON.stringify({ found: findNames(names, texts) });
}

export function serve(names, port) {
  const server = createServer(async (request, response) => {
    try {
      const parts = [];
      let bytes = 0;
      for await (const part of request) {
        bytes += part.length;
        if (bytes > bytesMax) throw new Error('too large');
        parts.push(part);
      }
      const answer = answerTo(names, Buffer.concat(parts).toString('utf8'));
      response.setHeader('content-type', 'application/json').end(answer);
    } catch {
      response.writeHead(400).end();
    }
  });
  return server.listen(port, '127.0.0.1');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [port, ...names] = process.argv.slice(2);
  serve(names, Number(port));
}
