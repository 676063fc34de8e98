/**
 * Room: audit (B-1, B-2). Proof files (C2SP tlog-proof) of single records, made when asked for. Who may read is decided where this plugin is registered: a
 * proof carries its record.
 */
import { proveInclusion } from '@atf/core/audit/merkle';
import { parseSize } from '@atf/core/audit/witness';
import { formatTlogProof, proofFileEnding, proofMediaType } from '@atf/core/audit/tlog-proof';
import { refuse } from '@atf/core/errors';
import { rawPaths } from '@atf/core/wire/api';
import type { FastifyPluginCallback } from 'fastify';
import { nodeReader, readEntry } from './log-files.ts';
import type { TileStore } from './tile-store.ts';

export interface ProofRouteOptions {
  readonly store: TileStore;
  readonly newest: () => Promise<Under | undefined>;
  /** What a quorum of witnesses has cosigned. */
  readonly cosigned: () => Promise<Under | undefined>;
  /** Witnesses are asked, so a proof without their quorum is given only to those who ask for it in so many words. */
  readonly cosignedWanted: boolean;
}

export interface Under {
  readonly size: number;
  readonly checkpoint: string;
}

export const proofRoute: FastifyPluginCallback<ProofRouteOptions> = (
  app,
  { store, newest, cosigned, cosignedWanted },
  done,
) => {
  const under = async (index: number, uncosigned: boolean): Promise<Under> => {
    const signed = await newest();
    if (signed === undefined || index >= signed.size) return refuse('audit.not_found');
    const witnessed = await cosigned();
    if (witnessed !== undefined && index < witnessed.size) return witnessed;
    return cosignedWanted && !uncosigned ? refuse('audit.not_cosigned') : signed;
  };
  app.get<{ Params: { index: string }; Querystring: { uncosigned?: unknown } }>(
    `${rawPaths.proof}:index`,
    async (request, reply) => {
      const index = parseSize(request.params.index) ?? refuse('audit.not_found');
      const { size, checkpoint } = await under(index, request.query.uncosigned === '1');
      const record = (await readEntry(store, index, size)) ?? refuse('audit.log_damaged', `entry ${index}`);
      const proof = await proveInclusion(nodeReader(store, size), index, size);
      return reply
        .headers({
          'content-type': proofMediaType,
          'content-disposition': `attachment; filename="${index}${proofFileEnding}"`,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        })
        .send(formatTlogProof({ index, proof, checkpoint, record }));
    },
  );
  done();
};
