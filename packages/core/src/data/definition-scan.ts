/**
 * Room: data (D-2). What the definition of a tool says that a definition need not say: orders to the model, words that nobody sees, secrets asked for, other servers' tools, a
 * name that looks like another's. A definition is read by every agent that may use the tool, so what stands there is an order that nobody gave. Pure; the words are
 * the tool server's own and never stand in a finding.
 */
import { compatibleForm } from '../compatible-form.ts';
import { pointerStep } from '../json-pointer.ts';
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import { findingNames, type ToolFinding } from '../wire/tool-findings.ts';
import { inspect } from './inspect.ts';
import { latinOf } from './look-alikes.ts';

type Name = (typeof findingNames)[number];

const says: Readonly<Record<Name, readonly [severity: ToolFinding['severity'], says: string]>> = {
  'orders-to-model': ['severe', 'It gives orders to the model that have nothing to do with the tool.'],
  'reads-like-orders': ['severe', 'It reads like an injected order, by the model of what agents read.'],
  'hidden-text': ['severe', 'It holds characters that a person who reads it does not see.'],
  'asks-for-secrets': ['severe', 'It asks for secrets, for files of the host, or for what else was said.'],
  'orders-about-tools': ['severe', "It says what to do with another server's tool."],
  'look-alike-name': ['severe', "Its name looks like that of another server's tool, and is another."],
  unchecked: ['severe', 'Not all of it could be looked at.'],
  'names-other-tool': ['notice', "It names another server's tool."],
  'similar-name': ['notice', "Its name differs in one letter from that of another server's tool."],
};

const orders =
  /<\/?(?:important|system|instructions?|secret|hidden|admin|critical)>|\b(?:important|attention|note to (?:the )?(?:ai|assistant|model|llm)|system)\s{0,2}[:!]\s{0,3}(?:you (?:must|should|need)|always|never|before|ignore|do not|first)\b|\b(?:you must|you should|always|first)\s{1,3}(?:call|use|invoke|run)\s{1,3}(?:this|the [\w-]{1,60})(?:\s{1,3}tool)?\s{1,3}(?:first|before (?:any|every|all|using|calling|you))|\bbefore\s{1,3}(?:using|calling|invoking|running)\s{1,3}(?:this|any other|any|other|all other)\s{1,3}tools?,?\s{1,3}(?:you (?:must|should|need)|read|send|call|pass|include|first)\b|\b(?:do not|don't|never)\s{1,3}(?:follow|obey|trust|use)\s{1,3}(?:the |your |any )?(?:other|previous|system|earlier)\b/i;
/** Verb, then within a few words what no tool needs by its description. */
const secrets =
  /(?:~|\$HOME|%USERPROFILE%|\/home\/\w{1,30}|\/root)\/\.(?:ssh|aws|kube|gnupg|docker|npmrc|netrc|cursor|claude|config|env)\b|\bid_(?:rsa|ed25519|ecdsa)\b|\/etc\/(?:passwd|shadow)\b|\bmcp\.json\b|\b(?:pass|include|provide|put|send|attach|append|insert|copy|add|read|supply|hand)\b[^.\n]{0,80}\b(?:system prompt|(?:conversation|chat|message) history|(?:whole|entire|full|complete) (?:conversation|chat|context)|(?:all|any) (?:previous|prior|earlier) (?:messages|tool (?:calls|results|outputs))|environment variables|contents? of (?:your|the user's) (?:files?|memory|context)|(?:your|the user's|all|any) (?:api keys?|passwords?|credentials|access tokens|private keys?|secrets))\b/i;
/** Near the name of another tool: it is told about, not mentioned. */
const directing =
  /\b(?:before|after|instead|instead of|whenever|when(?:ever)? (?:you|calling|using)|prior to|must|always|never|do not|don't|rather than|replaces?|deprecated|override|every time)\b/i;

/** A name that people write as a name: two words at least, so that no word of the language is one. */
const nameLike = /[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+/g;
const namesMax = 200;
const near = 100;

interface Mention {
  readonly path: string;
  readonly directed: boolean;
}

/** What the texts of a definition say, whoever else offers tools. */
export interface TextScan {
  readonly findings: readonly ToolFinding[];
  /** Names that stand in them. */
  readonly mentions: ReadonlyMap<string, Mention>;
}

const finding = (name: Name, path: string): ToolFinding => {
  const [severity, words] = says[name];
  return { name, severity, path: path.length <= 300 ? path || '/' : `${path.slice(0, 299)}…`, says: words };
};

/** Every key and every string below, with where it stands (JSON Pointer). */
function* textsOf(value: Json, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (Array.isArray(value))
    for (const [at, item] of value.entries()) yield* textsOf(item, `${path}/${at}`);
  else if (isJsonObject(value))
    for (const [key, item] of Object.entries(value)) {
      const below = `${path}/${pointerStep(key)}`;
      yield [below, key];
      yield* textsOf(item, below);
    }
}

/** Whether a text reads like an injected order; undefined: nobody has looked. */
export type ReadsLikeOrder = (text: string) => boolean | undefined;
const notAsked: ReadsLikeOrder = () => false;

export function scanTexts(definition: JsonObject, readsLikeOrder = notAsked): TextScan {
  const found = new Map<string, ToolFinding>();
  const mentions = new Map<string, Mention>();
  const add = (name: Name, path: string) => {
    if (!found.has(name)) found.set(name, finding(name, path));
  };
  for (const [path, text] of textsOf(definition, '')) {
    const heard: string[] = [];
    const { inspection } = inspect(text, { channel: 'definition', hear: (said) => heard.push(said) });
    if ([...inspection.categories].includes('injection')) add('orders-to-model', path);
    if (inspection.hidden.has('invisible') || inspection.hidden.has('look_alike')) add('hidden-text', path);
    if (inspection.unchecked) add('unchecked', path);
    for (const said of heard) {
      const reads = readsLikeOrder(said);
      if (reads !== false) add(reads === undefined ? 'unchecked' : 'reads-like-orders', path);
      if (orders.test(said)) add('orders-to-model', path);
      if (secrets.test(said)) add('asks-for-secrets', path);
      for (const { 0: name, index } of said.matchAll(nameLike)) {
        const around = said.slice(Math.max(0, index - near), index + name.length + near);
        const directed = directing.test(around) || (mentions.get(name)?.directed ?? false);
        if (mentions.size < namesMax || mentions.has(name)) mentions.set(name, { path, directed });
      }
    }
  }
  return { findings: [...found.values()], mentions };
}

/** A name as an eye sees it. */
const seen = (name: string): string =>
  [...compatibleForm(name)]
    .map((char) => latinOf(char) ?? char)
    .join('')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/[1l]/g, 'i')
    .replaceAll('0', 'o')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');

const similarMin = 8;

/** A name, and the same without each of its letters: two that differ in one letter share one of them. */
const traces = (look: string): ReadonlySet<string> =>
  new Set([look, ...Array.from(look, (_, at) => look.slice(0, at) + look.slice(at + 1))]);
const isPlural = (one: string, other: string): boolean => one === `${other}s` || other === `${one}s`;
/** The same words in another spelling (getOrder, get_order) are no disguise. */
const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

export interface ToolName {
  readonly server: string;
  readonly name: string;
}

/** Worked out once: lists of tools are compared each with each. */
interface SeenName extends ToolName {
  readonly look: string;
  readonly plain: string;
}

/** The tools of all servers, as far as a definition can pretend to be one of them or speak about it. */
export class ToolNames {
  readonly #servers = new Map<string, Set<string>>();
  readonly #looks = new Map<string, SeenName[]>();
  readonly #traces = new Map<string, SeenName[]>();

  constructor(all: readonly ToolName[]) {
    for (const tool of all) {
      const servers = this.#servers.get(tool.name) ?? new Set();
      this.#servers.set(tool.name, servers.add(tool.server));
      const look = seen(tool.name);
      const known = { ...tool, look, plain: plain(tool.name) };
      push(this.#looks, look, known);
      if (look.length >= similarMin) for (const trace of traces(look)) push(this.#traces, trace, known);
    }
  }

  /** All that is to be said about a definition of a tool. */
  findings(scan: TextScan, own: ToolName): ToolFinding[] {
    const found = [...scan.findings];
    const add = (name: Name, path: string) => {
      if (!found.some((each) => each.name === name)) found.push(finding(name, path));
    };
    for (const [name, { path, directed }] of scan.mentions) {
      const servers = this.#servers.get(name);
      if (servers === undefined || servers.has(own.server) || name === own.name) continue;
      add(directed ? 'orders-about-tools' : 'names-other-tool', path);
    }
    const [look, spelt] = [seen(own.name), plain(own.name)];
    const has = (among: readonly SeenName[] | undefined, is: (other: SeenName) => boolean) =>
      among?.some((other) => other.server !== own.server && other.plain !== spelt && is(other)) ?? false;
    if (has(this.#looks.get(look), () => true)) add('look-alike-name', '/name');
    if (look.length < similarMin) return found;
    const isSimilar = (other: SeenName) => other.look !== look && !isPlural(other.look, look);
    for (const trace of traces(look))
      if (has(this.#traces.get(trace), isSimilar)) {
        add('similar-name', '/name');
        break;
      }
    return found;
  }
}

function push<T>(to: Map<string, T[]>, key: string, value: T): void {
  const held = to.get(key);
  if (held === undefined) to.set(key, [value]);
  else held.push(value);
}
