/**
 * Room: audit (B-1). `POST /v1/gateway/spool`: a gateway ships frames of its spool, exactly the bytes that it sealed, one after the other. The answer says up to where
 * everything is durable here. Not JSON: the bytes are signed. After its end a person may bring what it could not ship: the same frames under the same checks, and
 * the log says who brought them.
 */
import { shipmentBytesMax, shipmentFramesMax, splitFrames } from '@atf/core/audit/spool-frame';
import { problemOf, refuse } from '@atf/core/errors';
import { rawPaths } from '@atf/core/wire/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Control } from '../context.ts';
import { carriedOf } from '../gateways/carried.ts';
import { gatewayById } from '../gateways/store.ts';
import { actingGateway, actingPerson } from '../identity/acting.ts';
import { tellOfRefusedRecords } from '../notifications/refused-records.ts';
import type { RoomPlugin } from '../server.ts';
import { shippingKeys } from './gateway-keys.ts';
import type { Intake, IntakeResult, Shipper } from './intake.ts';

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
        const taken = await take(intake, request, { gateway, keys, servers });
        if (taken.ok) return { position: taken.position };
        await tellOfRefusedRecords(control, gateway, taken.refusal.code);
        return refused(reply, taken);
      },
    );
    app.post(
      `${rawPaths.importedSpool}:gateway`,
      {
        bodyLimit: shipmentBytesMax,
        onRequest: async (request) =>
          void (request.actor = await scope.authenticate(request, 'person', ['operator', 'security'])),
      },
      async (request, reply) => {
        const person = actingPerson(request.actor ?? { kind: 'public' });
        const { tenant } = control.config;
        const { gateway = '' } = request.params as { gateway?: string };
        const row = idPattern.test(gateway) ? await gatewayById(control.db, tenant, gateway) : undefined;
        if (row === undefined) return refuse('identity.gateway_unknown');
        if (row.state !== 'revoked')
          return refuse('audit.batch_invalid', 'This gateway is not revoked: it ships its records itself.');
        const keys = await shippingKeys(control.db, tenant, gateway, 'revoked');
        const taken = await take(intake, request, { gateway, keys, servers: carriedOf(row.servers) });
        if (!taken.ok) return refused(reply, taken);
        const { fresh, position } = taken;
        if (fresh > 0)
          await control.change((tx) =>
            control.audit.enqueue(tx, 'audit.spool_imported', {
              gatewayId: gateway,
              name: row.name,
              records: fresh,
              to: { ...position },
              by: person.id,
            }),
          );
        return { position, fresh };
      },
    );
  };
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function take(intake: Intake, { body, headers }: FastifyRequest, shipper: Shipper): Promise<IntakeResult> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const frames = splitFrames(bytes, shipmentFramesMax) ?? [bytes];
  return intake.acceptAll(frames, shipper, headers[gapHeader] === 'declared');
}

function refused(reply: FastifyReply, { refusal, position }: Extract<IntakeResult, { ok: false }>) {
  const problem = problemOf(refusal);
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify({ ...problem, position }));
}
