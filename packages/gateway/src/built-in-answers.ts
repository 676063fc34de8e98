/**
 * Room: identity (I-4: an agent knows its own standing; behavior B-5: decisions explained). What the gateway's own tools answer. They move no data of tool servers,
 * reserve no limit and change nothing; each question counts against the agent's rate of questions, and words to people against a smaller one of their own.
 */
import { agentsAbove, levelInChain } from '@atf/core/chain';
import { compileSchema, schemaProblems, type ValidateFunction } from '@atf/core/data/schema';
import { type Refusal, refusal } from '@atf/core/errors';
import { effectiveLevel } from '@atf/core/maturity/levels';
import { actionClassOf } from '@atf/core/decide';
import type { Json, JsonObject } from '@atf/core/wire/json';
import { nameSchema, toolRefSchema } from '@atf/core/wire/words';
import type { Check, CredentialFacts, Decision } from '@atf/core/world';
import { aboveOf } from './above.ts';
import { type CallAnswer, refused, said } from './answers.ts';
import {
  builtInTools,
  delegateName,
  escalateName,
  negotiateName,
  requestElevationName,
  whoAmIName,
  whyName,
} from './built-in-tools.ts';
import { type Decider, exactCall, receivedOf } from './decision.ts';
import type { Ports } from './ports.ts';
import { QuestionRate } from './question-rate.ts';
import type { Decided } from './record.ts';

/** Words of one agent to its people. */
export const wordsRate = { max: 6, perSeconds: 600 } as const;
/** Pieces of work that one agent may try to pass on. */
export const delegationsRate = { max: 60, perSeconds: 60 } as const;
/** Decisions of all agents that can still be explained. */
export const decisionsKeptMax = 4_096;
const toolsToldMax = 200;

/** The decisions of a short while ago, for `atf_why`; the record is kept elsewhere, and for good. */
export class RecentDecisions {
  readonly #kept = new Map<string, { readonly agentId: string; readonly decision: Decision }>();

  keep({ received, decision }: Decided): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= decisionsKeptMax && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(received.actionId, { agentId: received.credential.agentId, decision });
  }

  /** Of this agent only: what another one did is not its business. */
  of(agentId: string, actionId: string): Decision | undefined {
    const kept = this.#kept.get(actionId);
    return kept?.agentId === agentId ? kept.decision : undefined;
  }
}

export interface BuiltInQuestion {
  readonly actionId: string;
  readonly server: string;
  readonly tool: string;
  readonly args: JsonObject;
}

export class BuiltInAnswers {
  readonly #ports: Ports;
  readonly #decider: Decider;
  readonly #recent: RecentDecisions;
  readonly #words = new QuestionRate(wordsRate);
  readonly #delegations = new QuestionRate(delegationsRate);
  readonly #schemas: ReadonlyMap<string, ValidateFunction | undefined> = new Map(
    builtInTools.map(({ name, inputSchema }) => [name, compileSchema(inputSchema)]),
  );

  constructor(ports: Ports, decider: Decider, recent: RecentDecisions) {
    this.#ports = ports;
    this.#decider = decider;
    this.#recent = recent;
  }

  /** For an agent that was admitted. */
  async answer(credential: CredentialFacts, question: BuiltInQuestion): Promise<CallAnswer> {
    const { actionId, tool, args } = question;
    const fits = this.#schemas.get(tool);
    if (fits === undefined) return refused(refusal('internal.fault'), { actionId });
    if (fits(args) !== true)
      return refused(refusal('data.schema_invalid', schemaProblems(fits).join('; ')), { actionId });
    switch (tool) {
      case whyName:
        return this.#why(credential, question);
      case whoAmIName:
        return this.#whoAmI(credential, question);
      case delegateName:
        return await this.#delegate(credential, question);
      case negotiateName:
        return await this.#negotiate(credential, question);
      default:
        return await this.#tell(credential, question);
    }
  }

  #why(credential: CredentialFacts, { actionId, server, args }: BuiltInQuestion): CallAnswer {
    const asked = args['actionId'];
    if (typeof asked === 'string') {
      const found = this.#recent.of(credential.agentId, asked);
      return found === undefined
        ? refused(refusal('request.not_found', 'This gateway does not remember such an action of yours.'), {
            actionId,
          })
        : explained(found, { actionId });
    }
    const tool = String(args['tool']);
    const call = exactCall(server, tool, (args['arguments'] ?? {}) as JsonObject);
    const { decision } = this.#decider.peek(receivedOf(actionId, credential, call), call);
    return explained(decision, { actionId });
  }

  #whoAmI(credential: CredentialFacts, { actionId, server }: BuiltInQuestion): CallAnswer {
    const { snapshot } = this.#ports;
    const agent = snapshot.agent(credential.agentId);
    if (agent === undefined) return refused(refusal('identity.agent_unknown'), { actionId });
    const standing = aboveOf(snapshot, credential);
    const level = levelInChain(effectiveLevel(agent, credential.proof), standing);
    const tools = agent.tools.slice(0, toolsToldMax).map((ref) => {
      const slash = ref.indexOf('/');
      const doc = snapshot.tool(ref.slice(0, slash), ref.slice(slash + 1));
      return doc === undefined ? { tool: ref } : { tool: ref, class: actionClassOf(doc), state: doc.state };
    });
    const { id, name, version, purpose, domain, dataDomains, limits } = agent;
    const { instanceId, sid, proof, expiresAtMs } = credential;
    const above = agentsAbove(standing).map((each) => each.name);
    const facts = {
      agent: {
        id,
        name,
        version,
        level,
        earnedLevel: agent.level,
        purpose,
        domain,
        dataDomains,
        limits,
        tools,
      },
      credential: { instanceId, sid, proof, expiresAt: new Date(expiresAtMs).toISOString() },
      ...(above.length === 0 ? {} : { worksFor: above }),
      server,
    };
    const forOthers =
      above.length === 0
        ? ''
        : `You work for ${above.toReversed().join(', for ')}, and may do what all of you may.\n`;
    const text =
      `You are ${name} ${version}, level ${level}, in the domain ${domain}. Purpose: ${purpose}\n${forOthers}` +
      tools
        .map((each) => `- ${each.tool}${'class' in each ? ` (${each.class}, ${each.state})` : ''}`)
        .join('\n');
    return said(text, JSON.parse(JSON.stringify(facts)) as JsonObject, { actionId });
  }

  /** Control decides, and records it either way. */
  async #delegate(credential: CredentialFacts, { actionId, args }: BuiltInQuestion): Promise<CallAnswer> {
    const { agentId, instanceId, sid } = credential;
    const over = this.#delegations.ask(agentId, this.#ports.clock.monotonicMs());
    if (over !== undefined) return refused(over, { actionId });
    const { agent: to, words, minutes } = args as { agent: string; words: string; minutes?: number };
    if (!nameSchema.safeParse(to).success || words.trim() === '')
      return refused(refusal('data.schema_invalid', '/agent or /words: format'), { actionId });
    const answer = await this.#ports.control.request('gateway.delegate', {
      body: { agentId, instanceId, sid, to, words, ...(minutes === undefined ? {} : { minutes }) },
    });
    if (!answer.ok) return refused(answer.refusal, { actionId }, answer.sent ? 'unknown' : 'refused');
    const { id: grant, depth, left, expiresAt } = answer.value;
    const text =
      `${to} may work on this until ${expiresAt}. An instance of it takes it once, as a task: ${grant}\n` +
      `You may start ${left} more in this session.`;
    return said(text, { grant, agent: to, depth, left, expiresAt }, { actionId });
  }

  /** A boundary of its own, wider for a time, as far as policy offers it. Control grants; this only asks. */
  async #negotiate(
    credential: CredentialFacts,
    { actionId, server, args }: BuiltInQuestion,
  ): Promise<CallAnswer> {
    const agent = this.#ports.snapshot.agent(credential.agentId);
    if (agent === undefined) return refused(refusal('identity.agent_unknown'), { actionId });
    // For another agent it works within what both may.
    if (effectiveLevel(agent, credential.proof) !== 'principal' || credential.chain !== undefined)
      return refused(
        refusal(
          'segmentation.not_negotiable',
          'only an agent that works as Principal, and for itself, negotiates',
        ),
        { actionId },
      );
    const { offer, figure, minutes, reason } = args;
    const asks = typeof offer === 'string';
    const over = asks ? this.#words.ask(agent.id, this.#ports.clock.monotonicMs()) : undefined;
    if (over !== undefined) return refused(over, { actionId });
    const answer = await this.#ports.control.request('gateway.negotiate', {
      body: {
        actionId,
        agentId: agent.id,
        tool: `${server}/${negotiateName}`,
        ...(asks
          ? {
              ask: {
                offer,
                ...(typeof figure === 'number' ? { figure } : {}),
                minutes: Number(minutes),
                words: String(reason),
              },
            }
          : {}),
      },
    });
    if (!answer.ok) return refused(answer.refusal, { actionId }, answer.sent ? 'unknown' : 'refused');
    const { granted, grants, offers } = answer.value;
    const lines = [
      ...(granted === undefined ? [] : [`Granted until ${granted.until}: ${granted.says}`]),
      ...grants.map(({ offer: name, says, until }) => `In force until ${until}: ${name}, ${says}`),
      ...offers.map(
        ({ name, says, minutesMax, timesLeft }) =>
          `On offer: ${name}, ${says}, for at most ${minutesMax} minutes; ${timesLeft} times left today`,
      ),
    ];
    const facts = JSON.parse(JSON.stringify(answer.value)) as JsonObject;
    return said(lines.length === 0 ? 'Nothing is on offer.' : lines.join('\n'), facts, { actionId });
  }

  /** Words to people. They stay the agent's: claimed, shown as untrusted, and in no leaf of the log. */
  async #tell(
    credential: CredentialFacts,
    { actionId, server, tool, args }: BuiltInQuestion,
  ): Promise<CallAnswer> {
    const agent = this.#ports.snapshot.agent(credential.agentId);
    if (agent === undefined) return refused(refusal('identity.agent_unknown'), { actionId });
    const over = this.#words.ask(agent.id, this.#ports.clock.monotonicMs());
    if (over !== undefined) return refused(over, { actionId });
    const wanted = wantedTool(args['tool']);
    if (wanted === 'invalid') return refused(refusal('data.schema_invalid', '/tool: format'), { actionId });
    const escalates = tool === escalateName;
    const about = typeof args['actionId'] === 'string' ? `, about the action ${args['actionId']}` : '';
    const more = [wanted, args['level']].filter((each) => typeof each === 'string').join(', ');
    const summary = escalates
      ? `${agent.name} asks for a person${about}`
      : `${agent.name} asks to be allowed more${more === '' ? '' : `: ${more}`}`;
    const answer = await this.#ports.control.request('gateway.notify', {
      body: {
        actionId,
        agentId: agent.id,
        tool: `${server}/${escalates ? escalateName : requestElevationName}`,
        asks: escalates ? 'person' : 'more',
        summary,
        because: escalates
          ? 'It used the tool that hands something to a person.'
          : 'It used the tool that asks to be allowed more; nothing has changed.',
        words: String(args['reason']),
      },
    });
    if (!answer.ok) return refused(answer.refusal, { actionId }, answer.sent ? 'unknown' : 'refused');
    const told = escalates
      ? 'The people who answer for you were told. Wait for them; nothing else has happened.'
      : 'Your owners were told. Nothing has changed until they change it.';
    return said(told, { told: true }, { actionId });
  }
}

function wantedTool(tool: Json | undefined): string | undefined {
  if (typeof tool !== 'string') return undefined;
  return toolRefSchema.safeParse(tool).success ? tool : 'invalid';
}

function explained(
  { outcome, refusal: why, checks, policies }: Decision,
  ids: { actionId: string },
): CallAnswer {
  const line = ({ name, verdict, because }: Check) => `${name}: ${verdict}, ${because}`;
  const opening = outcomes[outcome] + codeOf(why);
  const facts = {
    outcome,
    ...(why === undefined ? {} : { code: why.code }),
    checks: checks.map(({ name, verdict, because }) => ({ name, verdict, because })),
    policyIds: [...policies],
  };
  return said([opening, ...checks.map(line)].join('\n'), facts, ids);
}

const outcomes: Readonly<Record<Decision['outcome'], string>> = {
  allow: 'Allowed.',
  ask: 'A person has to release it.',
  refuse: 'Refused.',
};
const codeOf = (why: Refusal | undefined): string => (why === undefined ? '' : ` (${why.code})`);
