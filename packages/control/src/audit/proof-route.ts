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
import type { SequencerStatus } from './sequencer.ts';
import type { TileStore } from './tile-store.ts';

export interface ProofRouteOptions {
  readonly store: TileStore;
  readonly status: () => SequencerStatus;
  /** `wanted`: witnesses are asked, so a proof without their quorum is given only to those who ask for it in so many words. */
  readonly cosigned: () => {
    readonly wanted: boolean;
    readonly size: number;
    readonly note: string | undefined;
  };
}

interface Under {
  readonly size: number;
  readonly checkpoint: string;
}

export const proofRoute: FastifyPluginCallback<ProofRouteOptions> = (
  app,
  { store, status, cosigned },
  done,
) => {
  const under = (index: number, uncosigned: boolean): Under => {
    const { signedSize, checkpoint } = status();
    if (index >= signedSize) return refuse('audit.not_found');
    const { wanted, size, note } = cosigned();
    if (note !== undefined && index < size) return { size, checkpoint: note };
    return wanted && !uncosigned ? refuse('audit.not_cosigned') : { size: signedSize, checkpoint };
  };
  app.get<{ Params: { index: string }; Querystring: { uncosigned?: unknown } }>(
    `${rawPaths.proof}:index`,
    async (request, reply) => {
      const index = parseSize(request.params.index) ?? refuse('audit.not_found');
      const { size, checkpoint } = under(index, request.query.uncosigned === '1');
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
