/**
 * Room: data (D-5). Walks the index of lineage from what was asked about: back to where it came from, or forward to what it has touched. Breadth first and bounded in
 * depth, nodes and time; what is left out is said. An edge is sure where a record says it; that a session had read something before it acted is a may.
 */
import { refuse } from '@atf/core/errors';
import type { LineageEdge, LineageGraph, LineageNode, LineageQuestion } from '@atf/core/wire/lineage';
import type { Control } from '../../context.ts';
import { agentNames } from '../../identity/store.ts';
import {
  actionsById,
  actionsOf,
  sessionsById,
  sessionsUnder,
  type StoredAction,
  type StoredSession,
  valuesFrom,
  valuesInto,
} from './store.ts';

const withinMs = 3_000;
/** Neighbours of one kind that one node leads to. */
const neighboursMax = 60;
/** No record is that far in the log. */
const never = Number.MAX_SAFE_INTEGER;

type Draft = Omit<LineageNode, 'depth' | 'agent'> & { readonly agentId?: string };

interface Step {
  readonly key: string;
  readonly depth: number;
  /** Back: records before this place of the log count; forward: those behind it. */
  readonly bound: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const keyOf = (kind: LineageNode['kind'], id: string): string => `${kind}:${id}`;
/** A call that ran far enough to have a result, or to have done something. */
const ran = ({ decided, status }: StoredAction): boolean =>
  decided === 'allowed' && status !== 'not_executed';
const gave = ({ status }: StoredAction): boolean => status === 'done' || status === 'failed';
const changes = (action: StoredAction): boolean => action.class !== 'read';

function actionDraft(row: StoredAction): Draft {
  const labels = row.labels === null ? [] : (JSON.parse(row.labels) as string[]);
  return {
    key: keyOf('action', row.action),
    kind: 'action',
    id: row.action,
    name: row.source,
    at: iso(row.at),
    agentId: row.agent,
    outcome: row.status ?? row.decided,
    ...(row.ended_at === null ? {} : { ended: iso(row.ended_at) }),
    ...(row.class === null ? {} : { class: row.class as NonNullable<LineageNode['class']> }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(row.sensitivity === null
      ? {}
      : { sensitivity: row.sensitivity as NonNullable<LineageNode['sensitivity']> }),
    ...(row.trust === null ? {} : { trust: row.trust as NonNullable<LineageNode['trust']> }),
  };
}

const sessionDraft = ({ session, agent }: Pick<StoredSession, 'session' | 'agent'>): Draft => ({
  key: keyOf('session', session),
  kind: 'session',
  id: session,
  name: 'session',
  agentId: agent,
});
const taskDraft = (id: string): Draft => ({ key: keyOf('task', id), kind: 'task', id, name: 'task' });
const sourceDraft = (ref: string): Draft => ({
  key: keyOf('source', ref),
  kind: 'source',
  id: ref,
  name: ref,
});

export class LineageWalk {
  readonly #control: Control;
  readonly #question: LineageQuestion;
  readonly #nodes = new Map<string, Draft & { readonly depth: number }>();
  readonly #actions = new Map<string, StoredAction>();
  readonly #edges = new Map<string, LineageEdge>();
  readonly #expanded = new Map<string, number>();
  #queue: Step[] = [];
  #cut = false;

  constructor(control: Control, question: LineageQuestion) {
    this.#control = control;
    this.#question = question;
  }

  async graph(behind: number): Promise<LineageGraph> {
    const untilMs = performance.now() + withinMs;
    await this.#begin();
    for (let step = this.#queue.shift(); step !== undefined; step = this.#queue.shift()) {
      if (performance.now() > untilMs) {
        this.#cut = true;
        break;
      }
      if (step.depth >= this.#question.depth) {
        // Whether there is more is not known without looking.
        this.#cut ||= !step.key.startsWith('source:');
        continue;
      }
      await (this.#question.direction === 'from' ? this.#back(step) : this.#forward(step));
    }
    return { ...(await this.#told()), behind };
  }

  get #at(): readonly [Control['db'], string] {
    return [this.#control.db, this.#control.config.tenant];
  }

  async #begin(): Promise<void> {
    const { roots, direction } = this.#question;
    const bound = direction === 'from' ? never : -1;
    for (const { kind, id } of roots) {
      if (kind === 'action') {
        const [row] = await actionsById(...this.#at, [id]);
        this.#action(row ?? refuse('audit.not_found'), 0);
      } else if (kind === 'session') {
        const [row] = await sessionsById(...this.#at, [id]);
        this.#add(sessionDraft(row ?? refuse('audit.not_found')), 0, bound);
      } else if (kind === 'task') {
        const [row] = await sessionsUnder(...this.#at, { task: id }, 1);
        if (row === undefined) refuse('audit.not_found');
        this.#add(taskDraft(id), 0, bound);
      } else this.#add(sourceDraft(id), 0, bound);
    }
  }

  /** False: there is no room for it. A session that is met again counts as far as it was ever asked about. */
  #add(draft: Draft, depth: number, bound: number): boolean {
    if (!this.#nodes.has(draft.key)) {
      if (this.#nodes.size >= this.#question.nodes) {
        this.#cut = true;
        return false;
      }
      this.#nodes.set(draft.key, { ...draft, depth });
    }
    const known = this.#expanded.get(draft.key);
    const wider = this.#question.direction === 'from' ? bound > (known ?? -2) : bound < (known ?? never + 1);
    if (known === undefined || wider) {
      this.#expanded.set(draft.key, bound);
      this.#queue.push({ key: draft.key, depth, bound });
    }
    return true;
  }

  #action(row: StoredAction, depth: number): boolean {
    this.#actions.set(row.action, row);
    return this.#add(actionDraft(row), depth, row.log_index);
  }

  #join(edge: LineageEdge): void {
    const key = [edge.from, edge.to, edge.join, edge.argument ?? ''].join('\n');
    if (!this.#edges.has(key)) this.#edges.set(key, edge);
  }

  /** Rows up to the bound of neighbours; that there were more is noted. */
  #bounded<T>(rows: readonly T[]): readonly T[] {
    if (rows.length <= neighboursMax) return rows;
    this.#cut = true;
    return rows.slice(0, neighboursMax);
  }

  async #back(step: Step): Promise<void> {
    const { kind, id } = this.#nodes.get(step.key) ?? refuse('audit.not_found');
    if (kind === 'action') await this.#backFromAction(id, step);
    else if (kind === 'session') await this.#backFromSession(id, step);
    else if (kind === 'source') await this.#changesOf(id, step);
  }

  async #backFromAction(id: string, { key, depth }: Step): Promise<void> {
    const row = this.#actions.get(id);
    if (row === undefined) return;
    const [session] = await sessionsById(...this.#at, [row.session]);
    if (session !== undefined && this.#add(sessionDraft(session), depth + 1, row.log_index))
      this.#join({ from: keyOf('session', row.session), to: key, join: 'made', sure: true });
    if (!changes(row) && this.#add(sourceDraft(row.source), depth + 1, -1))
      this.#join({ from: keyOf('source', row.source), to: key, join: 'read', sure: true });
    const values = this.#bounded(await valuesInto(...this.#at, id, neighboursMax + 1));
    const given = new Map(
      (
        await actionsById(
          ...this.#at,
          values.flatMap(({ from_action: from }) => from ?? []),
        )
      ).map((each) => [each.action, each]),
    );
    for (const { argument, origin, from_action: from, from_source: source } of values) {
      const said = {
        join: 'value',
        sure: true,
        argument,
        origin,
      } as const;
      const before = from === null ? undefined : given.get(from);
      if (before !== undefined) {
        if (this.#action(before, depth + 1))
          this.#join({ from: keyOf('action', before.action), to: key, ...said });
      } else if (source !== null) {
        if (this.#add(sourceDraft(source), depth + 1, -1))
          this.#join({ from: keyOf('source', source), to: key, ...said });
      } else if (session !== undefined) {
        const task = await this.#taskOf(session);
        if (task !== undefined && this.#add(taskDraft(task), depth + 1, never))
          this.#join({ from: keyOf('task', task), to: key, ...said });
      }
    }
  }

  /** The task of a session, or of the root of its chain. */
  async #taskOf(session: StoredSession): Promise<string | undefined> {
    let at: StoredSession | undefined = session;
    for (let above = 0; at !== undefined && above < 20; above++) {
      if (at.task !== null) return at.task;
      [at] = at.parent === null ? [] : await sessionsById(...this.#at, [at.parent]);
    }
    return undefined;
  }

  async #backFromSession(id: string, { key, depth, bound }: Step): Promise<void> {
    const [session] = await sessionsById(...this.#at, [id]);
    if (session === undefined) return;
    if (session.task !== null && this.#add(taskDraft(session.task), depth + 1, never))
      this.#join({ from: keyOf('task', session.task), to: key, join: 'task', sure: true });
    if (session.parent !== null) {
      const [parent] = await sessionsById(...this.#at, [session.parent]);
      // What the one above read until this session began may have gone into its words.
      if (parent !== undefined && this.#add(sessionDraft(parent), depth + 1, session.log_index))
        this.#join({ from: keyOf('session', session.parent), to: key, join: 'delegated', sure: true });
    }
    const before = bound === never ? undefined : bound;
    const earlier = await actionsOf(...this.#at, { session: id }, { limit: neighboursMax + 1, before });
    for (const row of this.#bounded(earlier).filter(gave))
      if (this.#action(row, depth + 1))
        this.#join({ from: keyOf('action', row.action), to: key, join: 'given', sure: false });
  }

  /** Where what stands in a source came from: the calls that changed it, if it was asked about itself. */
  async #changesOf(ref: string, { key, depth, bound }: Step): Promise<void> {
    if (bound !== never) return;
    const calls = await actionsOf(...this.#at, { source: ref }, { limit: neighboursMax + 1 });
    for (const row of this.#bounded(calls).filter((each) => ran(each) && changes(each)))
      if (this.#action(row, depth + 1))
        this.#join({ from: keyOf('action', row.action), to: key, join: 'changed', sure: true });
  }

  async #forward(step: Step): Promise<void> {
    const { kind, id } = this.#nodes.get(step.key) ?? refuse('audit.not_found');
    if (kind === 'action') await this.#forwardFromAction(id, step);
    else if (kind === 'session') await this.#forwardFromSession(id, step);
    else if (kind === 'task') await this.#forwardFromTask(id, step);
    else if (step.bound !== never) await this.#readersOf(id, step);
  }

  async #forwardFromAction(id: string, { key, depth }: Step): Promise<void> {
    const row = this.#actions.get(id);
    if (row === undefined || !ran(row)) return;
    if (changes(row) && this.#add(sourceDraft(row.source), depth + 1, never))
      this.#join({ from: key, to: keyOf('source', row.source), join: 'changed', sure: true });
    const values = this.#bounded(await valuesFrom(...this.#at, id, neighboursMax + 1));
    const later = await actionsById(
      ...this.#at,
      values.map(({ action }) => action),
    );
    const byId = new Map(later.map((each) => [each.action, each]));
    for (const { action, argument, origin } of values) {
      const next = byId.get(action);
      if (next === undefined || !this.#action(next, depth + 1)) continue;
      this.#join({
        from: key,
        to: keyOf('action', action),
        join: 'value',
        sure: true,
        argument,
        origin,
      });
    }
    if (!gave(row)) return;
    const [session] = await sessionsById(...this.#at, [row.session]);
    if (session !== undefined && this.#add(sessionDraft(session), depth + 1, row.log_index))
      this.#join({ from: key, to: keyOf('session', row.session), join: 'given', sure: true });
  }

  /** What a session did afterwards, and whom it had work for it. What only reads hands nothing on but by its arguments. */
  async #forwardFromSession(id: string, { key, depth, bound }: Step): Promise<void> {
    const later = await actionsOf(...this.#at, { session: id }, { limit: neighboursMax + 1, after: bound });
    for (const row of this.#bounded(later).filter((each) => ran(each) && changes(each)))
      if (this.#action(row, depth + 1))
        this.#join({ from: key, to: keyOf('action', row.action), join: 'made', sure: false });
    const below = this.#bounded(await sessionsUnder(...this.#at, { parent: id }, neighboursMax + 1));
    for (const session of below) {
      if (session.log_index <= bound || !this.#add(sessionDraft(session), depth + 1, -1)) continue;
      this.#join({ from: key, to: keyOf('session', session.session), join: 'delegated', sure: true });
    }
  }

  async #forwardFromTask(id: string, { key, depth }: Step): Promise<void> {
    for (const session of this.#bounded(await sessionsUnder(...this.#at, { task: id }, neighboursMax + 1)))
      if (this.#add(sessionDraft(session), depth + 1, -1))
        this.#join({ from: key, to: keyOf('session', session.session), join: 'task', sure: true });
  }

  async #readersOf(ref: string, { key, depth }: Step): Promise<void> {
    const calls = await actionsOf(...this.#at, { source: ref }, { limit: neighboursMax + 1 });
    for (const row of this.#bounded(calls).filter(gave))
      if (this.#action(row, depth + 1))
        this.#join({ from: key, to: keyOf('action', row.action), join: 'read', sure: true });
  }

  async #told(): Promise<Omit<LineageGraph, 'behind'>> {
    const drafts = [...this.#nodes.values()];
    const agents = await agentNames(
      ...this.#at,
      drafts.flatMap(({ agentId }) => agentId ?? []),
    );
    const { roots, direction } = this.#question;
    return {
      roots: roots.map(({ kind, id }) => keyOf(kind, id)),
      direction,
      nodes: drafts.map(({ agentId, ...node }) => {
        const agent = agentId === undefined ? undefined : agents.get(agentId);
        return { ...node, ...(agent === undefined ? {} : { agent }) };
      }),
      edges: [...this.#edges.values()],
      cut: this.#cut,
    };
  }
}
