/**
 * Room: audit (B-1). `POST /v1/gateway/spool`: a gateway ships frames of its spool, exactly the bytes that it sealed, one after the other. The answer says up to where
 * everything is durable here. Not JSON: the bytes are signed.
 */
import { shipmentBytesMax, shipmentFramesMax, splitFrames } from '@atf/core/audit/spool-frame';
import { problemOf } from '@atf/core/errors';
import { rawPaths } from '@atf/core/wire/api';
import type { Control } from '../context.ts';
import { actingGateway } from '../identity/acting.ts';
import { tellOfRefusedRecords } from '../notifications/refused-records.ts';
import type { RoomPlugin } from '../server.ts';
import { shippingKeys } from './gateway-keys.ts';
import type { Intake } from './intake.ts';

const frameContentType = 'application/vnd.atf.spool-frame';
/** The gateway says itself that records before this frame are gone. */
const gapHeader = 'atf-gap';

export function spoolRoute(control: Control, intake: Intake): RoomPlugin {
  return (app, scope) => {
    app.addContentTypeParser(
      frameContentType,
      { parseAs: 'buffer', bodyLimit: shipmentBytesMax },
      (_request, body, done) => done(null, body),
    );
    app.post(
      rawPaths.spool,
      {
        bodyLimit: shipmentBytesMax,
        onRequest: async (request) => void (request.actor = await scope.authenticate(request, 'gateway')),
      },
      async (request, reply) => {
        const actor = request.actor ?? { kind: 'public' as const };
        const gateway = actingGateway(actor);
        const servers = actor.kind === 'gateway' ? actor.servers : [];
        const keys = await shippingKeys(control.db, control.config.tenant, gateway);
        const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const frames = splitFrames(bytes, shipmentFramesMax) ?? [bytes];
        const gapDeclared = request.headers[gapHeader] === 'declared';
        const taken = await intake.acceptAll(frames, { gateway, keys, servers }, gapDeclared);
        if (taken.ok) return { position: taken.position };
        await tellOfRefusedRecords(control, gateway, taken.refusal.code);
        const problem = problemOf(taken.refusal);
        return reply
          .code(problem.status)
          .type('application/problem+json')
          .send(JSON.stringify({ ...problem, position: taken.position }));
      },
    );
  };
}
