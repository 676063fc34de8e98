/** The built console, served by control itself: one origin for page and API. Paths of the API never fall back to the page. */
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { securityHeaders } from './security-headers.ts';

const assetsPrefix = '/assets/';
const yearSeconds = 31_536_000;

/** Paths that belong to the program, not to the page. */
const ownPrefixes = [
  '/v1/',
  '/tile/',
  '/log/',
  '/checkpoint',
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  assetsPrefix,
] as const;

/** Whether a path that nothing answers is a place inside the console (a reload of `/approvals`, say). */
export function isConsolePath(method: string, path: string, accept: string | undefined): boolean {
  if (method !== 'GET' || !(accept ?? '').includes('text/html')) return false;
  return !ownPrefixes.some((prefix) => path.startsWith(prefix));
}

/** Registers the assets; gives the page for {@link isConsolePath}. */
export async function consoleFiles(
  app: FastifyInstance,
  folder: string,
  controlUrl: string,
): Promise<{ page: Buffer }> {
  const headers = securityHeaders(controlUrl, true);
  await app.register(fastifyStatic, {
    root: folder,
    index: false,
    redirect: false,
    dotfiles: 'deny',
    // The folder itself is no file: `/` is the page, like every other place of the console.
    allowedPath: (path) => path !== '/',
    cacheControl: false,
    setHeaders(reply, path) {
      for (const [name, value] of Object.entries(headers)) reply.header(name, value);
      // Names of assets hold the hash of their content.
      const immutable = path.startsWith(join(folder, 'assets'));
      reply.header('cache-control', immutable ? `public, max-age=${yearSeconds}, immutable` : 'no-cache');
    },
    schemaHide: true,
  });
  return { page: readFileSync(join(folder, 'index.html')) };
}
