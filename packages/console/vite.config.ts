/**
 * Builds the console into `dist/` with hashed file names; control serves that folder at `/`. In development the dev server
 * proxies the API to a running control plane (`ATF_CONTROL`, default `http://localhost:7780`).
 */
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const control = process.env['ATF_CONTROL'] ?? 'http://localhost:7780';
const proxied = ['/v1', '/checkpoint', '/tile', '/log', '/healthz', '/readyz', '/openapi.json'];

/** Summaries of routes are for OpenAPI, which control serves; the page carries the table without them. */
const withoutSummaries = {
  name: 'atf-without-summaries',
  enforce: 'pre' as const,
  transform: (code: string, id: string) =>
    /core\/src\/wire\/[a-z-]+\.ts$/.test(id)
      ? { code: code.replace(/\bsummary:\s*'(?:[^'\\\n]|\\.)*'/g, "summary: ''"), map: null }
      : undefined,
};

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['atf-src', ...defaultClientConditions] },
  plugins: [withoutSummaries, react(), tailwindcss()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A data: address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    // Control checks Origin and Host: the dev server speaks to it under control's own name.
    proxy: Object.fromEntries(
      proxied.map((path) => [path, { target: control, changeOrigin: true, headers: { origin: control } }]),
    ),
  },
});
