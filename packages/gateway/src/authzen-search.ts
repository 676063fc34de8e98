/**
 * AuthZEN's searches: which subjects, resources or actions a question would be permitted for, among those that are known here. Of agents and tools by asking the
 * decision without spending anything; of an application by asking its set about each entity that it knows. A page looks at a bounded number of them, so that
 * decisions of others do not wait; a token is good for the very question that it came with.
 */
import { sha256 } from '@atf/core/digest';
import { type Refusal, refusal } from '@atf/core/errors';
import {
  agentType,
  callAction,
  type Evaluation,
  type SearchAnswer,
  type SearchKind,
  searchLimitDefault,
  searchSchemas,
  toolType,
} from '@atf/core/wire/authzen';
import type { PointFacts } from '@atf/core/wire/enforcement';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { AuthzenFrontInput, AuthzenReply } from './authzen-front.ts';
import { credentialOf, heldAgent, malformed, readQuestion, recordQuestion } from './point-question.ts';

/** Candidates that one page looks at. */
const lookedAtMax = 500;
/** Time that one page takes of everybody else's. */
const pageMsMax = 50;

type Open = Evaluation & { readonly page?: unknown };

/** What may be the open part, in order, and whether the question is permitted with it. */
interface Candidates {
  readonly keys: readonly string[];
  readonly permitted: (key: string) => boolean;
  readonly result: (key: string) => SearchAnswer['results'][number];
  /** Recorded with the answer; undefined: like a list of tools, it is not. */
  readonly facts?: JsonObject;
}

export class AuthzenSearch {
  readonly #input: AuthzenFrontInput;

  constructor(input: AuthzenFrontInput) {
    this.#input = input;
  }

  /** `POST /access/v1/search/<kind>`. */
  async search(kind: SearchKind, point: PointFacts, body: Uint8Array): Promise<AuthzenReply> {
    const { ports, points } = this.#input;
    const read = readQuestion(ports, body);
    if ('refusal' in read) return read;
    const asked = searchSchemas[kind].safeParse(read.value);
    if (!asked.success) return { refusal: malformed(asked.error.issues) };
    const { page, ...given } = asked.data;
    const tooOften = points.ask(point);
    if (tooOften !== undefined) return { refusal: tooOften };
    const question = given as unknown as Open;
    const bound = sha256(canonicalJson({ kind, point: point.id, question: given as unknown as JsonObject }));
    const from = startOf(page?.token ?? page?.next_token, bound);
    if (from === undefined)
      return { refusal: refusal('request.malformed', 'page.token: it is not of this very search') };
    const found =
      question.subject.type === agentType
        ? this.#ofAgents(kind, point, question)
        : await this.#ofApplication(kind, point, question);
    if ('refusal' in found) return found;
    const untilMs = ports.clock.monotonicMs() + pageMsMax;
    const isLate = () => ports.clock.monotonicMs() > untilMs;
    const answer = pageOf(found, { from, limit: page?.limit ?? searchLimitDefault, bound, isLate });
    if (found.facts === undefined) return { document: answer };
    const id = this.#input.pipeline.newActionId();
    const facts = { ...found.facts, search: kind, results: answer.results.length };
    const unrecorded = await recordQuestion(ports, { id, point, question: given, allowed: true }, facts);
    return unrecorded === undefined ? { document: answer } : { refusal: unrecorded };
  }

  #ofAgents(kind: SearchKind, point: PointFacts, question: Open): Candidates | { readonly refusal: Refusal } {
    const { pipeline, ports } = this.#input;
    const { snapshot } = ports;
    const args = (kind === 'action' ? {} : (question.action.properties ?? {})) as JsonObject;
    const may = (agent: string, tool: string): boolean => {
      const held = heldAgent(point, agent, snapshot);
      const slash = tool.indexOf('/');
      if (held === undefined || slash < 1) return false;
      const call = { serverName: tool.slice(0, slash), toolName: tool.slice(slash + 1), args };
      return pipeline.mayCall(credentialOf(this.#input, point, held), call);
    };
    if (question.resource.type !== toolType || (kind !== 'action' && question.action.name !== callAction))
      return { refusal: refusal('request.malformed', `Agents ${callAction} resources of type ${toolType}.`) };
    const held = kind === 'subject' ? undefined : heldAgent(point, question.subject.id, snapshot);
    if (kind !== 'subject' && held === undefined) return { refusal: refusal('identity.point_out_of_scope') };
    switch (kind) {
      case 'subject':
        return {
          keys: point.agents.flatMap(({ agentId }) => snapshot.agent(agentId)?.name ?? []).sort(),
          permitted: (agent) => may(agent, question.resource.id),
          result: (id) => ({ type: agentType, id }),
        };
      case 'resource':
        return {
          keys: [...new Set(snapshot.agent(held?.agentId ?? '')?.tools)].sort(),
          permitted: (tool) => may(question.subject.id, tool),
          result: (id) => ({ type: toolType, id }),
        };
      case 'action':
        return {
          keys: [callAction],
          permitted: () => may(question.subject.id, question.resource.id),
          result: (name) => ({ name }),
        };
    }
  }

  async #ofApplication(
    kind: SearchKind,
    point: PointFacts,
    question: Open,
  ): Promise<Candidates | { readonly refusal: Refusal }> {
    const found = await this.#input.points.application(point);
    if (!found.ok) return { refusal: found.refusal };
    const { application } = found;
    const { name, version, digest } = application;
    const allows = (asked: Evaluation): boolean => {
      const answer = application.ask(asked);
      return answer.ok && answer.decision === 'allow';
    };
    const { subject, resource } = question;
    const facts = { application: name, version, digest };
    switch (kind) {
      case 'subject':
        return {
          facts,
          keys: application.entities(subject.type),
          permitted: (id) => allows({ ...question, subject: { ...subject, id } }),
          result: (id) => ({ type: subject.type, id }),
        };
      case 'resource':
        return {
          facts,
          keys: application.entities(resource.type),
          permitted: (id) => allows({ ...question, resource: { ...resource, id } }),
          result: (id) => ({ type: resource.type, id }),
        };
      case 'action':
        return {
          facts,
          keys: application.actions,
          permitted: (verb) => allows({ ...question, action: { name: verb } }),
          result: (verb) => ({ name: verb }),
        };
    }
  }
}

/** Where a page begins: behind this key; `''`: at the beginning; undefined: the token is of another search. */
function startOf(token: string | undefined, bound: string): string | undefined {
  if (token === undefined || token === '') return '';
  const [, of = '', key = ''] = /^([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]+)$/.exec(token) ?? [];
  return of === bound ? Buffer.from(key, 'base64url').toString('utf8') : undefined;
}

function pageOf(
  { keys, permitted, result }: Candidates,
  {
    from,
    limit,
    bound,
    isLate,
  }: {
    readonly from: string;
    readonly limit: number;
    readonly bound: string;
    readonly isLate: () => boolean;
  },
): SearchAnswer {
  const rest = from === '' ? keys : keys.filter((key) => key > from);
  const looked = rest.slice(0, lookedAtMax);
  const found: string[] = [];
  let last: string | undefined;
  for (const key of looked) {
    if (found.length === limit || (last !== undefined && isLate())) break;
    if (permitted(key)) found.push(key);
    last = key;
  }
  const more = last !== undefined && last !== rest.at(-1);
  return {
    results: found.map(result),
    page: {
      next_token: more ? `${bound}.${Buffer.from(last ?? '').toString('base64url')}` : '',
      count: found.length,
    },
  };
}
