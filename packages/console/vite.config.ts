/**
 * Builds the console into `dist/` with hashed file names; control serves that folder at `/`. In development the dev server
 * proxies the API to a running control plane (`ATF_CONTROL`, default `http://localhost:7780`).
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const control = process.env['ATF_CONTROL'] ?? 'http://localhost:7780';
const proxied = ['/v1', '/checkpoint', '/tile', '/log', '/healthz', '/readyz', '/openapi.json'];

const literal = String.raw`(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`;
const summaries = new RegExp(`\\bsummary:\\s*${literal},?`, 'g');
/** Of what the page itself can find wrong with a request (`request.malformed`) the words stay. */
const errorWords = new RegExp(
  `('(?!request\\.)[a-z_]+\\.[a-z_]+':\\s*entry\\(\\s*\\d+,\\s*(?:${literal}|undefined),\\s*)${literal},\\s*${literal}`,
  'g',
);

/** Routes that only gateways and operators on the command line ask for, by file: the console names none of them (tests/house/console-routes.test.ts). */
const elsewhere: Readonly<Record<string, string>> = {
  'gateway-routes': 'gatewayRoutes',
  'delegation-routes': 'delegationRoutes',
  'host-routes': 'hostRoutes',
  'lineage-search': 'lineageSearchRoutes',
  'policy-schema': 'policySchemaRoutes',
  egress: 'egressRoutes',
  enforcement: 'enforcementRoutes',
};

/** Every word that the console has for control; of the other routes it needs no shapes. */
const source = join(import.meta.dirname, 'src');
const asked = globSync('**/*.{ts,tsx}', { cwd: source })
  .map((file) => readFileSync(join(source, file), 'utf8'))
  .join('\n');
const rows = /^ {2}'([a-z]+\.[A-Za-z]+)': \{\n[\s\S]*?^ {2}\},\n/gm;
const onlyAsked = (row: string, name: string): string => (asked.includes(name) ? row : '');

/** Summaries of routes are for OpenAPI, and words of errors come with each answer of control: the page carries the tables without them. */
const withoutWords = {
  name: 'atf-without-words',
  enforce: 'pre' as const,
  transform(code: string, id: string) {
    const routes = elsewhere[/core\/src\/wire\/([a-z-]+)\.ts$/.exec(id)?.[1] ?? ''];
    if (routes !== undefined) return { code: `export const ${routes} = {};`, map: null };
    if (/core\/src\/wire\/[a-z-]+\.ts$/.test(id))
      return { code: code.replace(rows, onlyAsked).replace(summaries, ''), map: null };
    if (/core\/src\/errors\.ts$/.test(id)) return { code: code.replace(errorWords, "$1'', ''"), map: null };
    return undefined;
  },
};

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['atf-src', ...defaultClientConditions] },
  plugins: [withoutWords, react(), tailwindcss()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A data: address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Shapes that nothing on a page uses.
    rolldownOptions: { treeshake: { manualPureFunctions: ['z'] } },
    sourcemap: false,
  },
  server: {
    // Control checks Origin and Host: the dev server speaks to it under control's own name.
    proxy: Object.fromEntries(
      proxied.map((path) => [path, { target: control, changeOrigin: true, headers: { origin: control } }]),
    ),
  },
});
