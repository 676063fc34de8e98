/**
 * The judge of intents (S-2): a model of the company's own, asked over HTTP whether a call fits what it is for. About calls that change something it is asked before they
 * are decided, and what it says is a fact of the decision. About reads it is asked after them, in the background: they wait for nobody, and where it does not agree,
 * or cannot be asked, the instance is doubted, and a person decides about what it changes next. Everything is bounded, and what does not fit counts as
 * unanswered or doubted. A verdict only ever holds a call back: it is one fact of a decision that is made after it, of the world as it is then.
 */
import { sha256 } from '@atf/core/digest';
import { RecentMap } from '@atf/core/policy/remembered-answers';
import {
  judgeAnswerSchema,
  type JudgedFact,
  type JudgeQuestion,
  type JudgeSettings,
} from '@atf/core/wire/judge';
import { Counted } from './counted.ts';
import type { HostPost } from './host-post.ts';
import type { Ports } from './ports.ts';
import { type Decided, recordDoubted } from './record.ts';

/** The entry of `servers.yaml` by which the host grants the judge the private network and gives it headers. */
export const judgeHostName = 'atf-judge';

/** Calls of one agent, and of all, that wait for a verdict at one time. */
export const beforeOfAgentMax = 8;
export const beforeMax = 64;
/** Reads of one agent, and of all, whose verdict is awaited in the background; so many are asked about at one time. */
export const afterOfAgentMax = 100;
export const afterMax = 1_000;
const afterAtOnceMax = 4;
/** Doubted instances that are told apart; beyond them all are doubted. */
export const doubtedMax = 10_000;
/** Reads whose very question was agreed to. */
const agreedMax = 10_000;
const questionBytesMax = 65_536;
const answerBytesMax = 4_096;

/** Posts one question. Undefined: no answer in time, or none that can be understood. */
export type AskJudge = (settings: JudgeSettings, question: string) => Promise<boolean | undefined>;

/** The verdict about one call, and the settings under which it was given: of other settings it is none. */
export interface Verdict {
  readonly verdict: JudgedFact['verdict'];
  readonly settings: JudgeSettings;
}

/** Asks over HTTP, at an address that the host lets it dial. */
export const askJudgeBy =
  (post: HostPost): AskJudge =>
  async ({ url, timeoutMs }, question) => {
    const answer = judgeAnswerSchema.safeParse(
      await post({ entry: judgeHostName, url, timeoutMs, answerBytesMax }, question),
    );
    return answer.success ? answer.data.agrees : undefined;
  };

interface Waiting {
  readonly decided: Decided;
  readonly settings: JudgeSettings;
  readonly question: string;
}

export interface JudgeInput {
  readonly ports: Ports;
  readonly ask: AskJudge;
  /** The words of the task of this credential's session, as far as they are known. */
  readonly taskOf: (credential: Decided['received']['credential']) => string | undefined;
  /** Tells people what was doubted. */
  readonly tell: (decided: Decided) => void;
}

export class Judge {
  readonly #input: JudgeInput;
  readonly #before = new Counted();
  readonly #after = new Counted();
  readonly #queue: Waiting[] = [];
  #asking = 0;
  /** By instance the approval that was asked for because of the doubt. */
  readonly #doubted = new Map<string, string | undefined>();
  #allDoubted = false;
  readonly #agreed = new RecentMap<string, { readonly agreed: true }>(agreedMax);

  constructor(input: JudgeInput) {
    this.#input = input;
  }

  get #settings(): JudgeSettings | undefined {
    return this.#input.ports.snapshot.settings()?.judge;
  }

  doubts(instanceId: string): boolean {
    return this.#allDoubted || this.#doubted.has(instanceId);
  }

  /** A person is shown what a doubted instance wants to change. */
  shown({ received: { credential } }: Decided, approvalId: string | undefined): void {
    if (this.#doubted.has(credential.instanceId)) this.#doubted.set(credential.instanceId, approvalId);
  }

  /** The doubt ends when a person has released what was shown because of it. */
  released({ received: { credential }, approvalId }: Decided): void {
    if (approvalId !== undefined && this.#doubted.get(credential.instanceId) === approvalId)
      this.#doubted.delete(credential.instanceId);
  }

  /** The fact for a call of this instance that changes something; undefined: nobody is to be asked. */
  factOf(instanceId: string, given: Verdict | undefined): JudgedFact | undefined {
    const settings = this.#settings;
    if (settings === undefined) return undefined;
    const { unanswered } = settings;
    if (this.doubts(instanceId)) return { verdict: 'doubted', unanswered };
    const same = given !== undefined && sameSettings(given.settings, settings);
    return { verdict: same ? given.verdict : 'unanswered', unanswered };
  }

  /** Asks about a call that would be allowed but for the judge. */
  async before(decided: Decided): Promise<Verdict | undefined> {
    const settings = this.#settings;
    const { agentId, instanceId } = decided.received.credential;
    if (settings === undefined || readsOnly(decided) || this.doubts(instanceId)) return undefined;
    const question = this.#questionOf(decided, settings);
    if (
      question === undefined ||
      this.#before.all >= beforeMax ||
      this.#before.of(agentId) >= beforeOfAgentMax
    )
      return { verdict: 'unanswered', settings };
    this.#before.add(agentId, 1);
    try {
      const agrees = await this.#input.ask(settings, question);
      return { verdict: agrees === undefined ? 'unanswered' : agrees ? 'agrees' : 'disagrees', settings };
    } finally {
      this.#before.add(agentId, -1);
    }
  }

  /** Has a read looked at that has run. It waits for nothing. */
  after(decided: Decided): void {
    const settings = this.#settings;
    const { agentId, instanceId } = decided.received.credential;
    if (settings === undefined || !readsOnly(decided) || this.doubts(instanceId)) return;
    const question = this.#questionOf(decided, settings);
    if (question !== undefined && this.#agreed.get(keyOf(settings, question)) !== undefined) return;
    if (question === undefined || this.#after.all >= afterMax || this.#after.of(agentId) >= afterOfAgentMax)
      return this.#doubt(decided);
    this.#after.add(agentId, 1);
    this.#queue.push({ decided, settings, question });
    this.#next();
  }

  #next(): void {
    while (this.#asking < afterAtOnceMax) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      this.#asking += 1;
      void this.#look(waiting).finally(() => {
        this.#asking -= 1;
        this.#after.add(waiting.decided.received.credential.agentId, -1);
        this.#next();
      });
    }
  }

  async #look({ decided, settings, question }: Waiting): Promise<void> {
    const key = keyOf(settings, question);
    // The same question may have been answered while this one waited.
    if (this.#agreed.get(key) !== undefined) return;
    if ((await this.#input.ask(settings, question)) === true) this.#agreed.set(key, { agreed: true });
    else this.#doubt(decided);
  }

  #doubt(decided: Decided): void {
    const { instanceId } = decided.received.credential;
    if (this.doubts(instanceId)) return;
    if (this.#doubted.size >= doubtedMax) this.#allDoubted = true;
    else this.#doubted.set(instanceId, undefined);
    void recordDoubted(this.#input.ports, decided);
    this.#input.tell(decided);
  }

  /** Canonical text of what is asked; undefined: it is too long to be asked. */
  #questionOf({ received, world, decision, stated }: Decided, settings: JudgeSettings): string | undefined {
    const task = this.#input.taskOf(received.credential);
    const question: JudgeQuestion = {
      agent: world.agent?.name ?? '',
      purpose: world.agent?.purpose ?? '',
      ...(task === undefined ? {} : { task }),
      tool: `${received.server}/${received.tool}`,
      class: decision.actionClass ?? 'admin',
      ...(stated?.text === undefined ? {} : { intent: stated.text }),
      ...(settings.arguments ? { arguments: received.args } : {}),
    };
    const text = JSON.stringify(question);
    return Buffer.byteLength(text) > questionBytesMax ? undefined : text;
  }
}

const readsOnly = ({ decision }: Decided): boolean => decision.actionClass === 'read';
const sameSettings = (left: JudgeSettings, right: JudgeSettings): boolean =>
  JSON.stringify(left) === JSON.stringify(right);
const keyOf = ({ url }: JudgeSettings, question: string): string => sha256(`${url} ${question}`);
