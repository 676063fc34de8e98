/**
 * Entry of the console. The page follows as a module of its own, because zod has to be told first: no code from strings. Its fast
 * path probes `new Function` where a schema is made, which the content security policy refuses and reports on every load.
 */
import { config } from 'zod';

config({ jitless: true });
await import('./page.tsx');
