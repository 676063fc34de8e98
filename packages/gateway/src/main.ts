/** The entry of the gateway's process. */
import { serveGateway } from './serve.ts';

await serveGateway(process.argv.slice(2));
