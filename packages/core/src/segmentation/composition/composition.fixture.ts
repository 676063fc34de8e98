/** Rights for tests of combinations. */
import { type AgentGroup, type ComposedTool, type Freedom, type Right } from './rights.ts';

export const aTool = (ref: string, given: Partial<ComposedTool> = {}): ComposedTool => ({
  ref,
  server: ref.slice(0, ref.indexOf('/')),
  class: 'read',
  classified: true,
  sensitivity: 'internal',
  outputTrust: 'trusted',
  domain: 'any',
  amount: false,
  ...given,
});

export const aRight = (tool: ComposedTool, freedom: Freedom = 'alone', untrusted = freedom): Right => ({
  tool,
  freedom,
  untrusted,
  policies: [`permits.${tool.class}`],
});

export const aGroup = (agents: string, ...rights: readonly Right[]): AgentGroup => ({
  agents: agents.split(' '),
  rights: rights.toSorted((a, b) => (a.tool.ref < b.tool.ref ? -1 : 1)),
});

/** Runs a generator to its end. */
export function ran<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

export const secret = aTool('crm/get_customer', { sensitivity: 'confidential', domain: 'customers' });
export const payroll = aTool('hr/get_payroll', { sensitivity: 'restricted', domain: 'hr' });
export const web = aTool('web/fetch', { outputTrust: 'untrusted', domain: 'web' });
export const mail = aTool('mail/send', { class: 'send', domain: 'mail' });
export const shell = aTool('host/run', { class: 'execute', domain: 'host' });
export const writeTicket = aTool('tickets/create', { class: 'write', domain: 'support' });
export const readTicket = aTool('tickets/get', { domain: 'support' });
export const pay = aTool('bank/pay', { class: 'write', domain: 'finance', amount: true });
