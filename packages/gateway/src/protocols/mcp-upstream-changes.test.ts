/** A tool server that says that its tools changed, as the gateway hears it. */
import { afterEach, it } from 'vitest';
import { cleanUp, never, options, scripted, until, upstream } from './mcp-upstream.fixture.ts';

afterEach(cleanUp);

it('is heard also while it goes on saying so', async () => {
  let heard = 0;
  const server = upstream(
    scripted(
      `
      if (message.method === 'tools/list') reply({ tools: [] });
      if (message.method === 'tools/call') {
        const tell = () => send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
        tell();
        setInterval(tell, 20);
        reply({ content: [] });
      }`,
    ),
    {},
    () => void heard++,
  );
  await server.listTools({ signal: never, timeoutMs: 60_000 });
  await server.callTool('talk', {}, options);
  await until(() => heard > 3, 60_000);
});
