/** The least that a proxy can be: node:http in front, undici behind, bodies piped. Argument: the address behind. Prints its port. */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2] ?? '', { connections: 64, pipelining: 1 });
const server = createServer((request, response) => {
  pool.stream(
    { path: request.url ?? '/', method: 'GET', headers: { accept: request.headers.accept ?? '*/*' } },
    ({ statusCode, headers }) => {
      delete headers['transfer-encoding'];
      delete headers['connection'];
      return response.writeHead(statusCode, headers as Record<string, string>);
    },
    (fault) => {
      if (fault !== null) response.destroy();
    },
  );
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
