/**
 * Room: audit (B-1). What control knows of a gateway's chain, told when the gateway starts: one that lost its spool but kept its key begins above every
 * epoch that was ever heard of it, instead of a second history for the same places.
 */
import type { Handlers } from '../context.ts';
import { actingGateway } from '../identity/acting.ts';
import { gatewayRow } from './store.ts';

export const standingRoutes: Handlers<'gateway.standing'> = {
  async 'gateway.standing'(control, { actor }) {
    const row = await gatewayRow(control.db, control.config.tenant, actingGateway(actor));
    return { epochMax: Math.max(row?.epoch ?? 0, row?.reported_epoch ?? 0) };
  },
};
