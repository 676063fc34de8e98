/**
 * Room: audit (B-1, invariant 8). The log over HTTP as C2SP tlog-tiles serves it: exact bytes of static files. Needs the tile store only.
 * Who may read is decided where this plugin is registered (hooks of the surrounding scope run first).
 */
import { parseTilePath, tilePath } from '@atf/core/audit/tiles';
import { problemOf, refusal } from '@atf/core/errors';
import { rawPaths } from '@atf/core/wire/api';
import type { FastifyPluginCallback, FastifyReply } from 'fastify';
import { checkpointPath, gatewayKeysPath, vkeyPath } from './open-check.ts';
import type { TileStore } from './tile-store.ts';

export interface LogRoutesOptions {
  readonly store: TileStore;
  /** The checkpoint that is served where witnesses are asked; undefined while none of them is cosigned by a quorum. */
  readonly cosigned: () => Promise<string | undefined>;
}

const text = 'text/plain; charset=utf-8';
/** A tile under its path never changes (tlog-tiles: long-lived caching). Private: the log is for those who may read it. */
const tileCaching = 'private, max-age=31536000, immutable';
/** The checkpoint is mutable: no caching beyond a few seconds. */
const checkpointCaching = 'no-cache';

function send(reply: FastifyReply, body: Buffer | string, type: string, caching: string): FastifyReply {
  return reply
    .headers({ 'content-type': type, 'cache-control': caching, 'x-content-type-options': 'nosniff' })
    .send(body);
}

function missing(reply: FastifyReply): FastifyReply {
  return reply
    .code(404)
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(refusal('request.not_found'))));
}

export const logRoutes: FastifyPluginCallback<LogRoutesOptions> = (app, { store, cosigned }, done) => {
  const serve = async (
    reply: FastifyReply,
    path: string,
    type: string,
    caching: string,
  ): Promise<FastifyReply> => {
    const bytes = await store.get(path);
    if (bytes === undefined) return missing(reply);
    return send(reply, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), type, caching);
  };
  app.get(rawPaths.checkpoint, async (_request, reply) => {
    const note = await cosigned();
    if (note !== undefined) return send(reply, note, text, checkpointCaching);
    return serve(reply, checkpointPath, text, checkpointCaching);
  });
  app.get(rawPaths.newestCheckpoint, async (_request, reply) =>
    serve(reply, checkpointPath, text, checkpointCaching),
  );
  app.get(rawPaths.vkey, async (_request, reply) => serve(reply, vkeyPath, text, checkpointCaching));
  app.get(rawPaths.logGateways, async (_request, reply) =>
    serve(reply, gatewayKeysPath, 'application/json', checkpointCaching),
  );
  app.get<{ Params: { '*': string } }>('/tile/*', async (request, reply) => {
    const tile = parseTilePath(`tile/${request.params['*']}`);
    if (tile === undefined) return missing(reply);
    return serve(reply, tilePath(tile), 'application/octet-stream', tileCaching);
  });
  done();
};
