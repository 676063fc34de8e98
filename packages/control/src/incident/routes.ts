/** Room: incident. Handlers of stopping and resuming. */
import type { Handlers } from '../context.ts';
import { actingInSession, actingPerson } from '../identity/acting.ts';
import { resume, stop } from './containment.ts';
import { shownStops } from './stop-files.ts';

type Operation = 'containment.list' | 'containment.stop' | 'containment.resume';

export const incidentRoutes: Handlers<Operation> = {
  async 'containment.list'(control) {
    return { items: await shownStops(control) };
  },

  async 'containment.stop'(control, { body, actor }) {
    return stop(control, actingPerson(actor), body);
  },

  async 'containment.resume'(control, { body, actor }) {
    const person = actingInSession(actor);
    await resume(control, person, body);
    return { ok: true };
  },
};
