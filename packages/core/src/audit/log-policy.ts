/**
 * Room: audit (B-1, invariant 8). C2SP tlog-policy: which logs count, which witnesses there are, and how many of them must have cosigned
 * a checkpoint before somebody believes it. One text file for all who need it: verifiers, and the log that asks the witnesses.
 * Not here: freshness. A quorum says that the tree was the newest that its witnesses had seen when they signed; how old that may be is for
 * who asks.
 */
import { type Checkpoint, parseVkey, verifyCheckpoint } from './checkpoint.ts';
import { type Cosignature, cosignatureBy, parseWitnessVkey } from './cosignature.ts';
import { parseNote, rawPublicKey, type SignedNote, type VerifierKey } from './signed-note.ts';

export const policyBytesMax = 65_536;
/** tlog-policy recommends support for at least 32 of each. */
const logsMax = 32;
const witnessesMax = 32;
const groupsMax = 64;
const urlBytesMax = 2_048;
/** Clocks of witnesses may be ahead of ours by this much. */
const aheadSecondsMax = 300;

export interface PolicyLog {
  readonly key: VerifierKey;
  readonly vkey: string;
  readonly url: string | undefined;
}

export interface PolicyWitness {
  readonly kind: 'witness';
  /** Name within the policy; the name of its key is another thing. */
  readonly name: string;
  readonly key: VerifierKey;
  readonly vkey: string;
  /** Submission prefix of the tlog-witness protocol. */
  readonly url: string | undefined;
}

export interface PolicyGroup {
  readonly kind: 'group';
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly (PolicyWitness | PolicyGroup)[];
}

export interface LogPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** Undefined: `quorum none`. */
  readonly quorum: PolicyWitness | PolicyGroup | undefined;
}

export type PolicyRead =
  | { readonly ok: true; readonly policy: LogPolicy }
  | { readonly ok: false; readonly problem: string };

class Fault extends Error {}
const fail = (words: string): never => {
  throw new Fault(words);
};

/** Octets are opaque (tlog-policy, "Character set"); for people, and where a key carries a name, they are read as UTF-8. */
const readable = (token: string): string => Buffer.from(token, 'latin1').toString('utf8');
const sameKey = (a: VerifierKey, b: VerifierKey): boolean =>
  rawPublicKey(a.publicKey).equals(rawPublicKey(b.publicKey));

class PolicyReader {
  private readonly logs: PolicyLog[] = [];
  private readonly witnesses: PolicyWitness[] = [];
  private readonly named = new Map<string, PolicyWitness | PolicyGroup>();
  /** Names that stand in a group already. */
  private readonly members = new Set<string>();
  private groups = 0;
  private quorum: PolicyWitness | PolicyGroup | 'none' | undefined;

  line(words: readonly string[]): void {
    const [kind = '', ...rest] = words;
    if (kind === 'log') this.log(rest);
    else if (kind === 'witness') this.witness(rest);
    else if (kind === 'group') this.group(rest);
    else if (kind === 'quorum') this.setQuorum(rest);
    else fail(`a line begins with log, witness, group or quorum, not with ${readable(kind).slice(0, 20)}`);
  }

  private log([vkey = '', url, ...rest]: readonly string[]): void {
    const key = parseVkey(readable(vkey)) ?? fail('the key of a log is malformed, or not that of a log');
    if (rest.length > 0) fail('a log has a key and at most an address');
    if (this.logs.some((log) => sameKey(log.key, key))) fail(`two logs have the key of ${key.name}`);
    if (this.logs.length >= logsMax) fail(`there are more than ${logsMax} logs`);
    this.logs.push({ key, vkey: readable(vkey), url: this.url(url) });
  }

  private witness([name = '', vkey = '', url, ...rest]: readonly string[]): void {
    const key =
      parseWitnessVkey(readable(vkey)) ??
      fail(`the key of witness ${readable(name)} is malformed, or not one for Ed25519 cosignatures`);
    if (rest.length > 0) fail(`witness ${readable(name)} has a key and at most an address`);
    if (this.witnesses.some((witness) => sameKey(witness.key, key)))
      fail(`two witnesses have the key of ${readable(name)}`);
    if (this.witnesses.length >= witnessesMax) fail(`there are more than ${witnessesMax} witnesses`);
    const witness: PolicyWitness = {
      kind: 'witness',
      name: readable(name),
      key,
      vkey: readable(vkey),
      url: this.url(url),
    };
    this.name(name, witness);
    this.witnesses.push(witness);
  }

  private group([name = '', count = '', ...names]: readonly string[]): void {
    if (names.length === 0) fail(`group ${readable(name)} has no members`);
    if (++this.groups > groupsMax) fail(`there are more than ${groupsMax} groups`);
    const members = names.map((member) => {
      if (this.members.has(member)) fail(`${readable(member)} is a member twice`);
      this.members.add(member);
      return this.known(member);
    });
    const threshold = count === 'all' ? members.length : count === 'any' ? 1 : Number(count);
    if (!/^(?:all|any|[1-9][0-9]{0,2})$/.test(count) || threshold > members.length)
      fail(`group ${readable(name)} wants all, any, or a number from 1 to ${members.length}`);
    this.name(name, { kind: 'group', name: readable(name), threshold, members });
  }

  private setQuorum([name = '', ...rest]: readonly string[]): void {
    if (this.quorum !== undefined) fail('there is more than one quorum');
    if (rest.length > 0) fail('a quorum is one name');
    this.quorum = name === 'none' ? 'none' : this.known(name);
  }

  private known(name: string): PolicyWitness | PolicyGroup {
    return this.named.get(name) ?? fail(`${readable(name)} is not defined on a line before`);
  }

  private name(name: string, what: PolicyWitness | PolicyGroup): void {
    if (name === '' || name === 'none') fail('a witness or group needs a name that is not none');
    if (this.named.has(name)) fail(`${readable(name)} is defined twice`);
    this.named.set(name, what);
  }

  private url(url: string | undefined): string | undefined {
    if (url === undefined) return undefined;
    const text = readable(url);
    if (text.length > urlBytesMax || !URL.canParse(text)) fail('an address is malformed');
    return text;
  }

  end(): LogPolicy {
    const { logs, witnesses, quorum } = this;
    if (quorum === undefined) return fail('there is no quorum line');
    return { logs, witnesses, quorum: quorum === 'none' ? undefined : quorum };
  }
}

/** Reads a policy file. `problem` names the line and what is wrong with it. */
export function parseLogPolicy(bytes: Uint8Array): PolicyRead {
  if (bytes.length > policyBytesMax)
    return { ok: false, problem: `the policy is longer than ${policyBytesMax} bytes` };
  const text = Buffer.from(bytes).toString('latin1');
  const reader = new PolicyReader();
  let at = 0;
  try {
    for (const line of text.split('\n')) {
      at += 1;
      // biome-ignore lint: control characters are exactly what must not stand in a policy
      if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) fail('control characters are not allowed');
      const words = line.split(/[ \t]+/).filter((word) => word !== '');
      if (words.length > 0 && words[0]?.startsWith('#') !== true) reader.line(words);
    }
    return { ok: true, policy: reader.end() };
  } catch (fault) {
    if (fault instanceof Fault) return { ok: false, problem: `line ${at}: ${fault.message}` };
    throw fault;
  }
}

export interface QuorumReport {
  readonly met: boolean;
  /** Witnesses of the policy that cosigned, by their names in it. */
  readonly cosigned: readonly ({ readonly name: string } & Cosignature)[];
  /** Witnesses of the policy without a valid cosignature. */
  readonly missing: readonly string[];
  /** What the quorum lacks, for people; empty when it is met. */
  readonly lacks: string;
}

function lackOf(rule: PolicyWitness | PolicyGroup, has: ReadonlySet<string>): string | undefined {
  if (rule.kind === 'witness') return has.has(rule.name) ? undefined : rule.name;
  const lacks = rule.members.map((member) => lackOf(member, has)).filter((lack) => lack !== undefined);
  const count = rule.members.length - lacks.length;
  if (count >= rule.threshold) return undefined;
  return `${rule.name} has ${count} of ${rule.threshold} (missing: ${lacks.join(', ')})`;
}

/** Which witnesses of the policy cosigned the note, and whether they are enough. Cosignatures from the future do not count. */
export function checkQuorum(policy: LogPolicy, note: SignedNote, nowMs: number): QuorumReport {
  const notAfterSeconds = Math.floor(nowMs / 1_000) + aheadSecondsMax;
  const cosigned: ({ readonly name: string } & Cosignature)[] = [];
  const missing: string[] = [];
  for (const { name, key } of policy.witnesses) {
    const found = cosignatureBy(note, key, notAfterSeconds);
    if (found === undefined) missing.push(name);
    else cosigned.push({ name, ...found });
  }
  const has = new Set(cosigned.map(({ name }) => name));
  const lacks = policy.quorum === undefined ? undefined : lackOf(policy.quorum, has);
  return { met: lacks === undefined, cosigned, missing, lacks: lacks ?? '' };
}

export type PolicyVerdict =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      readonly log: PolicyLog;
      readonly quorum: QuorumReport;
    }
  | {
      readonly ok: false;
      readonly problem: 'malformed' | 'log_unknown' | 'signature_invalid' | 'no_quorum';
      readonly words: string;
      /** Present when the log's signature is good. */
      readonly quorum?: QuorumReport;
      readonly checkpoint?: Checkpoint;
    };

/** Whether a signed checkpoint counts under the policy: signed by one of its logs, and cosigned by its quorum. */
export function verifyByPolicy(note: string, policy: LogPolicy, nowMs: number): PolicyVerdict {
  const parts = parseNote(note);
  if (parts === undefined)
    return { ok: false, problem: 'malformed', words: 'the checkpoint is not a signed note' };
  for (const log of policy.logs) {
    const verified = verifyCheckpoint(note, log.key);
    if (!verified.ok && verified.problem === 'unsigned') continue;
    if (!verified.ok) {
      const words = `the checkpoint of ${log.key.name} does not count: ${verified.problem.replaceAll('_', ' ')}`;
      return {
        ok: false,
        problem: verified.problem === 'malformed' ? 'malformed' : 'signature_invalid',
        words,
      };
    }
    const { checkpoint } = verified;
    const quorum = checkQuorum(policy, parts, nowMs);
    if (quorum.met) return { ok: true, checkpoint, log, quorum };
    const words = `the checkpoint over ${checkpoint.size} entries has no quorum: ${quorum.lacks}`;
    return { ok: false, problem: 'no_quorum', words, quorum, checkpoint };
  }
  return { ok: false, problem: 'log_unknown', words: 'no log of the policy signed the checkpoint' };
}

/** The note with more cosignature lines: those of others stay, those under a line's own key are replaced. */
export function withSignatures(note: SignedNote, lines: readonly string[]): string {
  const key = (line: string): string => {
    const [, name = '', data = ''] = line.split(' ');
    return `${name} ${Buffer.from(data, 'base64').subarray(0, 4).toString('hex')}`;
  };
  const fresh = new Map(lines.map((line) => [key(line), line]));
  const kept = note.signatures.map(({ line }) => line).filter((line) => !fresh.has(key(line)));
  return `${note.text}\n${[...kept, ...fresh.values()].join('\n')}\n`;
}
