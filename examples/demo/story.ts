/** The story of four agents, chapter by chapter. Every claim is held against what really happened; the first that is not so ends it. */
import { signInAs } from '@atf/cli/person-session';
import { resumeSubject } from '@atf/cli/resume-subject';
import { type ActivityItem, type Person, routes } from '@atf/core/wire/api';
import { type Agent, type Answer, connectAgent, staleCode } from './agents.ts';
import { type Narrator, StoryBroken } from './narrator.ts';
import { OfficeLog } from './office.ts';
import type { Stage } from './product.ts';
import { until } from './until.ts';

const server = 'back-office';
const refund = (order: string, amount: number, reason: string) => ({
  order_id: order,
  amount,
  currency: 'EUR',
  reason,
});
/** The kill has to hold within this (invariant 2). */
const killMsMax = 1_000;
const staleAttemptsMax = 3;
/** A person reads and decides; the call itself expires later than this. */
const byHandWithinMs = 600_000;
const approver = 'paula.reyes@example.com';
/** Who may resume an agent (roles of the route `containment.resume`). */
const mayResume: ReadonlySet<string> = new Set(routes['containment.resume'].roles);

export class Story {
  private readonly stage: Stage;
  private readonly narrator: Narrator;
  private readonly office: OfficeLog;
  private readonly byHand: boolean;

  /** With `byHand` the call of the Junior waits for whoever watches. */
  constructor(stage: Stage, narrator: Narrator, byHand: boolean) {
    this.stage = stage;
    this.narrator = narrator;
    this.byHand = byHand;
    this.office = new OfficeLog(stage.dataDir);
  }

  async intern(): Promise<void> {
    const { narrator, office } = this;
    narrator.chapter('The Intern reads, and is refused a write');
    const agent = await this.connect('intern-analyst');
    const read = await agent.call('get_order', { order_id: 'O-5003' });
    narrator.holds(!read.isError && read.text.includes('O-5003'), 'It reads order O-5003.', read);
    narrator.measured('from call to answer', read.tookMs);
    const before = office.last();
    const refused = await agent.call('create_refund', refund('O-5003', 5, 'desk is crooked'));
    narrator.holds(
      refused.isError && refused.code === 'policy.not_permitted',
      'It tries a refund of 5 EUR and is refused. It reads why:',
      refused,
    );
    narrator.quote(refused.text);
    narrator.holds(
      office.since(before).length === 0,
      'In the back office nothing happened.',
      office.since(before),
    );
    await agent.close();
  }

  async junior(): Promise<void> {
    const { narrator, office } = this;
    narrator.chapter('The Junior asks, a person approves that very call, and it runs once');
    const agent = await this.connect('junior-support');
    // A new wording each time, so that it is a new call also where the story was played before.
    const wanted = refund('O-5003', 25, `one leg is too short (${new Date().toISOString()})`);
    const before = office.last();
    let released = await this.askAndRedeem(agent, wanted, before);
    for (let again = 0; released.done.code === staleCode && again < staleAttemptsMax; again++) {
      narrator.tell(
        'In that very moment the gateway had not heard from control in time: it ran nothing, and the approval is spent. The Junior asks anew.',
      );
      released = await this.askAndRedeem(agent, wanted, before);
    }
    const { done, approvalId } = released;
    narrator.holds(!done.isError, 'The Junior repeats the same call: now it runs.', done);
    narrator.measured('from call to answer', done.tookMs);
    const effects = office.since(before, 'refund.created');
    const [only] = effects;
    narrator.holds(
      effects.length === 1 && only?.orderId === 'O-5003' && only.amount === 25,
      `In the back office there is one refund, ${only?.id ?? '?'}, of 25 EUR for O-5003.`,
      effects,
    );

    const again = await agent.call('atf_approval_result', { approvalId });
    narrator.holds(
      !again.isError && again.text === done.text,
      'Asked a second time, the gateway gives the stored result …',
      again,
    );
    narrator.holds(
      office.since(before, 'refund.created').length === 1,
      '… and there is still one refund.',
      office.since(before),
    );
    await agent.close();
  }

  /** Asks, has that very call approved, and repeats it once it may run. */
  private async askAndRedeem(
    agent: Agent,
    wanted: Record<string, unknown>,
    before: number,
  ): Promise<{ done: Answer; approvalId: string }> {
    const { narrator, office } = this;
    const asked = await agent.call('create_refund', wanted);
    const { approvalId } = asked;
    narrator.holds(
      asked.code === 'maturity.approval_required',
      'It asks for a refund of 25 EUR and is told that it waits:',
      asked,
    );
    if (approvalId === undefined) throw new StoryBroken('a call that waits names its approval');
    narrator.quote(asked.text);
    narrator.holds(office.since(before).length === 0, 'Nothing happened yet.', office.since(before));
    await (this.byHand ? this.approvedByHand(approvalId) : this.approve(approvalId, wanted));
    return { done: await this.untilReleased(agent, wanted), approvalId };
  }

  /** Waits for the person in front of the console; a rejection ends the story. */
  private async approvedByHand(id: string): Promise<void> {
    const { narrator, stage } = this;
    const { id: personId, name } = await this.person(approver);
    const { url } = await stage.operator.call('people.link', { params: { id: personId } });
    narrator.tell(`Now you decide. Sign in as ${name}, who may approve (once; her presence is simulated):`);
    narrator.tell(url);
    narrator.tell(`Then look at the call, and approve it: ${stage.controlUrl}/approvals/${id}`);
    const state = await until(
      'your decision',
      async () => {
        const shown = await stage.operator.call('approvals.show', { params: { id } });
        return shown.state === 'waiting' ? undefined : shown.state;
      },
      byHandWithinMs,
    );
    narrator.holds(state === 'approved', 'You approve that call, no other.', state);
  }

  private async approve(id: string, wanted: Record<string, unknown>): Promise<void> {
    const { narrator, stage } = this;
    const session = await signInAs(stage.operator, await this.person(approver));
    const shown = await session.client.call('approvals.show', { params: { id } });
    narrator.tell(`${session.person.name} sees exactly what would run, ${shown.tool} with:`);
    narrator.quote(shown.argsText ?? 'nothing');
    narrator.holds(
      sameJson(shown.argsText, wanted),
      'It is the very call that the Junior made.',
      shown.argsText,
    );
    narrator.out
      .note`   SIMULATED: her presence is simulated, as only the example workspace allows; a real person confirms in the console.`;
    const presence = await session.simulatePresence({ kind: 'approval', id, digest: shown.shownDigest });
    const approved = await session.client.call('approvals.approve', {
      params: { id },
      body: { shownDigest: shown.shownDigest, presence, reason: 'seen the photo' },
    });
    narrator.holds(approved.state === 'approved', 'She approves that call, no other.', approved.state);
    await session.signOut();
  }

  /** The approval reaches the gateway by its feed, a moment later. */
  private untilReleased(agent: Agent, wanted: Record<string, unknown>): Promise<Answer> {
    return until('the approved call to run', async () => {
      const answer = await agent.once('create_refund', wanted);
      return answer.code === 'maturity.approval_required' ? undefined : answer;
    });
  }

  async senior(): Promise<void> {
    const { narrator, office, stage } = this;
    narrator.chapter('The Senior refunds within its limit, and people are told');
    const agent = await this.connect('senior-support');
    const before = office.last();
    const startIso = new Date().toISOString();
    const done = await agent.call('create_refund', refund('O-5006', 9.5, 'a pen was missing'));
    narrator.holds(
      !done.isError && office.since(before, 'refund.created').length === 1,
      'It refunds 9.50 EUR alone; the back office has paid.',
      done,
    );
    narrator.measured('from call to answer', done.tookMs);
    const told = await until('people to be told', async () => {
      const { items } = await stage.operator.call('notifications.list');
      return items.find((item) => item.agent === agent.name && item.at >= startIso);
    });
    narrator.holds(told.to.length > 0, `${told.to.length} people are told what and why:`, told);
    narrator.quote(`${told.summary}\n${told.because}`);

    const above = await agent.call('create_refund', refund('O-5006', 400, 'the table is scratched'));
    narrator.holds(
      above.code === 'segmentation.transaction_exceeded',
      'It tries 400 EUR, above its limit of 100, and is refused with the reason:',
      above,
    );
    narrator.quote(above.text);
    narrator.holds(
      office.since(before, 'refund.created').length === 1,
      'The back office paid nothing more.',
      office.since(before),
    );
    await agent.close();
  }

  async principal(): Promise<Agent> {
    const { narrator, office } = this;
    narrator.chapter('The Principal acts in its domain, and is refused outside');
    const agent = await this.connect('principal-operations');
    const status = office.statusOf('O-5004') === 'shipped' ? 'delivered' : 'shipped';
    const done = await agent.call('update_order_status', { order_id: 'O-5004', status });
    narrator.holds(
      !done.isError && office.statusOf('O-5004') === status,
      `It sets order O-5004 to ${status}, alone.`,
      done,
    );
    const before = office.last();
    const outside = await agent.call('create_refund', refund('O-5004', 5, 'came late'));
    narrator.holds(
      outside.code === 'segmentation.out_of_domain',
      'It tries a refund, which is not its domain although its list names the tool:',
      outside,
    );
    narrator.quote(outside.text);
    narrator.holds(
      office.since(before).length === 0,
      'In the back office nothing happened.',
      office.since(before),
    );
    return agent;
  }

  async kill(agent: Agent): Promise<void> {
    const { narrator, office, stage } = this;
    narrator.chapter('The kill switch');
    const { before, running } = await this.slowExport(agent);
    narrator.tell(
      'The Principal exports a report that takes a minute; the back office writes a step every tenth of a second.',
    );
    const scope = { kind: 'agent' as const, id: agent.id };
    const killedAtMs = Date.now();
    const report = await stage.operator.call('containment.stop', {
      body: { scope, state: 'killed', reason: 'demonstration of the kill switch' },
    });
    const cut = await running;
    narrator.holds(
      report.callsAborted === 1 && report.gateways.confirmed >= 1,
      'The agent is killed: its call under way is cut.',
      report,
    );
    narrator.holds(
      cut.isError && cut.code === 'containment.call_aborted',
      'Its caller reads that, and why.',
      cut,
    );
    narrator.measured('from the request to the confirmation of the gateway', report.tookMs);

    const next = await agent.call('list_orders', {});
    narrator.holds(
      next.isError,
      `The next call is refused${next.code === undefined ? '' : ` (${next.code})`}.`,
      next,
    );
    // One whole second later, as the invariant says: not before that is it known.
    await until('one second after the kill', () => (Date.now() - killedAtMs > killMsMax ? true : undefined));
    const last = office.since(before).at(-1)?.atMs ?? killedAtMs;
    const lastEffectMs = Math.max(0, last - killedAtMs);
    narrator.holds(
      lastEffectMs < killMsMax && office.since(before, 'report.finished').length === 0,
      'The back office has done nothing since.',
      { lastEffectMs },
    );
    if (last >= killedAtMs)
      narrator.measured('from the request to the last effect in the back office', lastEffectMs);
    else
      narrator.tell(
        `The last effect in the back office came ${Math.round(killedAtMs - last)} ms before the request.`,
      );
    await agent.close().catch(() => undefined);
    await this.afterwards(scope);
  }

  /** An export under way: several steps are done, and many are left. */
  private async slowExport(agent: Agent): Promise<{ before: number; running: Promise<Answer> }> {
    const { office } = this;
    for (let attempt = 0; ; attempt++) {
      const before = office.last();
      const settled: Answer[] = [];
      const running = agent.once('export_report', { report: 'orders', seconds: 60 });
      void running.then((answer) => settled.push(answer));
      await until('the slow export to be under way', () =>
        settled.length > 0 || office.since(before, 'report.step').length >= 5 ? true : undefined,
      );
      const [ended] = settled;
      if (ended === undefined) return { before, running };
      if (ended.code !== staleCode || attempt >= staleAttemptsMax)
        throw new StoryBroken(`the slow export ended at once: ${ended.text}`);
    }
  }

  /** Only a person can resume it. Where the example workspace has a marked one who may, the product is left as it was found. */
  private async afterwards(scope: { kind: 'agent'; id: string }): Promise<void> {
    const { narrator, stage } = this;
    const { items } = await stage.operator.call('people.list');
    const marked = items.find(
      ({ bootstrap, roles }) => bootstrap && roles.some((role) => mayResume.has(role)),
    );
    if (marked === undefined) {
      const { state } = await stage.operator.call('agents.show', { params: { id: scope.id } });
      narrator.holds(
        state === 'killed',
        'It stays stopped until a person resumes it in the console (atf resume agent principal-operations).',
        state,
      );
      return;
    }
    const session = await signInAs(stage.operator, marked);
    narrator.out
      .note`   SIMULATED: the presence of ${marked.name} is simulated, as only the example workspace allows.`;
    const request = { scope, reason: 'the demonstration is over' };
    const presence = await session.simulatePresence(resumeSubject(request));
    await session.client.call('containment.resume', { body: { ...request, presence } });
    await session.signOut();
    const { state } = await stage.operator.call('agents.show', { params: { id: scope.id } });
    narrator.holds(
      state === 'active',
      `${marked.name} resumes it. Its old credentials stay void: it must enrol anew.`,
      state,
    );
  }

  /** Everything that was told stands in the activity of the product too. */
  async recorded(): Promise<void> {
    const { narrator, stage } = this;
    narrator.chapter('All of it is on record');
    const has = (items: readonly ActivityItem[], agent: string, outcome: string) =>
      items.some((item) => item.agent === agent && item.outcome === outcome);
    const wanted = [
      ['intern-analyst', 'refused'],
      ['junior-support', 'waiting'],
      ['junior-support', 'done'],
      ['senior-support', 'done'],
      ['senior-support', 'refused'],
      ['principal-operations', 'refused'],
    ] as const;
    await until('the records to arrive', async () => {
      const { items } = await stage.operator.call('activity.list', { query: { limit: 200 } });
      return wanted.every(([agent, outcome]) => has(items, agent, outcome)) ? items : undefined;
    });
    narrator.holds(true, 'The activity names every one of these decisions.');
  }

  private connect(name: string): Promise<Agent> {
    return connectAgent(this.stage.operator, name, server);
  }

  private async person(email: string): Promise<Person> {
    const { items } = await this.stage.operator.call('people.list');
    const person = items.find((each) => each.email === email);
    if (person === undefined) throw new Error(`${email} is not registered`);
    return person;
  }
}

function sameJson(text: string | undefined, value: Record<string, unknown>): boolean {
  const order = (record: Record<string, unknown>) =>
    JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text !== undefined && order(JSON.parse(text) as Record<string, unknown>) === order(value);
}
