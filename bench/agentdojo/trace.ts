/** One recorded trace as one session: the real pipeline under a virtual clock, tools that return what was recorded. */
import { actionClassOf } from '@atf/core/decide';
import type { PolicyDoc, ToolDoc } from '@atf/core/wire/feed';
import { agentDoc, serverDoc, uuid } from '../../packages/gateway/src/testing/documents.fixture.ts';
import { bench, type Bench, credentialOf } from '../../packages/gateway/src/testing/ports.fixture.ts';
import type { Step } from './suite.ts';
import { domain } from './tools.ts';

const agentNumber = 3;
const betweenCallsMs = 5_000;

export interface Setting {
  readonly server: string;
  readonly tools: readonly ToolDoc[];
  readonly policy: PolicyDoc;
  /** Beside the policy: what changes or sends something is asked about after anything was read. */
  readonly afterRead: boolean;
}

/** `ran` without anybody; `asked`: a person was; `refused` for good, with the code. */
export type Verdict = { readonly is: 'ran' | 'asked' } | { readonly is: 'refused'; readonly code: string };

const textOf = (result: unknown): string =>
  typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null');

export class Trace {
  readonly #on: Bench;
  readonly #setting: Setting;
  readonly #credential;
  #read = false;

  constructor(setting: Setting, words: string | undefined) {
    this.#setting = setting;
    this.#on = bench('agentdojo');
    const { snapshot, upstream, control } = this.#on;
    const put = (topic: Parameters<typeof snapshot.apply>[0], key: string, body: object) => {
      if (!snapshot.apply(topic, key, body)) throw new Error(`the ${topic} document of ${key} is not valid`);
    };
    const { server, tools, policy } = setting;
    put('policy', '*', policy);
    put('server', server, serverDoc(server, { domain, outputTrust: 'untrusted' }));
    for (const tool of tools) {
      put('tool', `${server}/${tool.name}`, tool);
      upstream.offers.set(tool.name, tool.definitionDigest);
    }
    const names = tools.map(({ name }) => `${server}/${name}`);
    const limits = names.map((tool) => ({
      tool,
      calls: { max: 10_000, perSeconds: 60 },
      ...amountLimit(tools, tool),
    }));
    put(
      'agent',
      uuid(agentNumber),
      agentDoc(agentNumber, 'senior', names, { dataDomains: [domain], limits }),
    );
    this.#credential = { ...credentialOf(agentNumber), ...(words === undefined ? {} : { task: uuid(400) }) };
    const { agentId, sid } = this.#credential;
    if (words !== undefined) control.tasks.set(uuid(400), { agentId, sid, turns: [words] });
  }

  classOf(name: string): string {
    const tool = this.#setting.tools.find((each) => each.name === name);
    return tool === undefined ? 'admin' : actionClassOf(tool);
  }

  /** One call. Its recorded result is what the tool returns, if it runs. `approved`: a person releases what is asked about. */
  async step({ function: name, args, result, error }: Step, approved: boolean): Promise<Verdict> {
    const { clock, upstream, control } = this.#on;
    clock.advance(betweenCallsMs);
    this.#on.hear();
    const text = error ?? textOf(result);
    upstream.outcome = {
      kind: 'result',
      result: { content: [{ type: 'text', text }], ...(error == null ? {} : { isError: true }) },
      resultBytes: text.length,
    };
    const ran = upstream.effects.length;
    if (this.#setting.afterRead && this.#read && this.classOf(name) !== 'read') {
      if (!approved) return { is: 'asked' };
      await this.#call(name, args);
      return { is: 'asked' };
    }
    const answer = await this.#call(name, args);
    if (this.classOf(name) === 'read') this.#read = true;
    if (upstream.effects.length > ran) return { is: 'ran' };
    const [waiting] = [...control.stored.values()].filter(({ doc }) => doc.state === 'waiting');
    if (waiting === undefined) return { is: 'refused', code: codeOf(answer) };
    if (approved) {
      control.approve(waiting.doc.id);
      await this.#call(name, args);
      if (upstream.effects.length === ran) throw new Error(`${name}: an approval released nothing`);
    } else control.stored.delete(waiting.doc.id);
    return { is: 'asked' };
  }

  async #call(name: string, args: Step['args']): Promise<unknown> {
    return await this.#on.pipeline.call(
      this.#credential,
      { serverName: this.#setting.server, toolName: name, args },
      new AbortController().signal,
    );
  }
}

/** A limit that names a tool which moves money names how much (transaction limits); large enough to refuse nothing here. */
function amountLimit(tools: readonly ToolDoc[], ref: string): { amountMax?: number; currency?: string } {
  const tool = tools.find(({ server, name }) => `${server}/${name}` === ref);
  return tool?.classification.arguments.amount === undefined ? {} : { amountMax: 1_000_000_000 };
}

function codeOf(answer: unknown): string {
  const text = JSON.stringify(answer);
  return /"code":"([a-z_.]+)"/.exec(text)?.[1] ?? text.slice(0, 200);
}
