/**
 * Answers to calls that were to be answered with a task and ran at once (MCP 2025-11-25, where every such call has one). Nothing is derived from them: they are on
 * record, and kept here for their caller to fetch, for a short time, in this gateway only.
 */
import type { Labels } from '@atf/core/wire/labels';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';

export const keptMs = 120_000;
export const keptOfAgentMax = 32;
export const keptMax = 1_024;
export const keptBytesMax = 67_108_864;
export const keptBytesOfAgentMax = 8_388_608;

export interface Kept {
  readonly answer: Exclude<CallAnswer, { kind: 'problem' }>;
  readonly createdAt: string;
  /** Labels of the session when it was kept. */
  readonly read: Labels;
}

interface Entry extends Kept {
  readonly agentId: string;
  readonly owner: string;
  readonly bytes: number;
  readonly timer: NodeJS.Timeout;
}

export class KeptAnswers {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** False: there is no room. Older ones of the same agent make room, nobody else's do. */
  keep(credential: CredentialFacts, server: string, taskId: string, kept: Kept): boolean {
    const { agentId } = credential;
    const { answer } = kept;
    const bytes = Buffer.byteLength(JSON.stringify(answer.kind === 'result' ? answer.result : answer.facts));
    if (bytes > keptBytesOfAgentMax) return false;
    const own = [...this.#entries].filter(([, entry]) => entry.agentId === agentId);
    let ownBytes = own.reduce((sum, [, entry]) => sum + entry.bytes, bytes);
    while (own.length >= keptOfAgentMax || ownBytes > keptBytesOfAgentMax) {
      const [key, { bytes: given }] = own.shift() ?? ['', { bytes: ownBytes }];
      ownBytes -= given;
      this.#drop(key);
    }
    if (this.#entries.size >= keptMax || this.#bytes + bytes > keptBytesMax) return false;
    const timer = setTimeout(() => this.#drop(taskId), keptMs).unref();
    this.#entries.set(taskId, { ...kept, agentId, owner: ownerOf(credential, server), bytes, timer });
    this.#bytes += bytes;
    return true;
  }

  of(credential: CredentialFacts, server: string, taskId: string): Kept | undefined {
    const entry = this.#entries.get(taskId);
    return entry?.owner === ownerOf(credential, server) ? entry : undefined;
  }

  #drop(taskId: string): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#entries.delete(taskId);
    this.#bytes -= entry.bytes;
  }
}

const ownerOf = ({ agentId, instanceId, sid }: CredentialFacts, server: string): string =>
  `${agentId} ${instanceId} ${sid} ${server}`;
