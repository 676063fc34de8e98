/** Room: data (D-3). Tokens: people reveal and erase what is behind one; gateways keep values and are given them. */
import type { Handlers } from '../../context.ts';
import { gatewayCarrying } from '../../gateways/carried.ts';
import { actingInSession, actingPerson } from '../../identity/acting.ts';
import { forgetValue, giveValues, keepValues, revealValue } from './vault.ts';

export const tokenHandlers: Handlers<
  'tokens.reveal' | 'tokens.forget' | 'gateway.keepValues' | 'gateway.giveValues'
> = {
  'tokens.reveal': (control, { params, body, actor }) =>
    revealValue(control, actingInSession(actor), params.token, body),

  async 'tokens.forget'(control, { params, body, actor }) {
    await forgetValue(control, actingPerson(actor), params.token, body.reason);
    return { ok: true };
  },

  'gateway.keepValues'(control, { body, actor }) {
    gatewayCarrying(actor, body.tool);
    return keepValues(control, body);
  },

  'gateway.giveValues'(control, { body, actor }) {
    gatewayCarrying(actor, body.tool);
    return giveValues(control, body);
  },
};
