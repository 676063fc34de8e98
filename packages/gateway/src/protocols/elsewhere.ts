/**
 * Calls that somebody else runs (S-2, B-2): a question of an enforcement point goes through the whole pipeline, and where a tool server would be called it ends here.
 * Nothing is sent; the call is released to whoever asked, and its outcome is on record as unknown, because nobody reports one.
 */
import type { ServerDoc } from '@atf/core/wire/feed';
import type { CallTarget, DispatchedAction, LiveDefinition, Prepared, SnapshotPort } from '../ports.ts';
import type { UpstreamCallOutcome } from './protocol.ts';

interface Expected {
  readonly key: string;
  released: DispatchedAction | undefined;
}

const keyOf = (server: string, instanceId: string): string => `${instanceId} ${server}`;

export class Elsewhere {
  readonly #snapshot: Pick<SnapshotPort, 'tool'>;
  readonly #expected = new Map<string, Expected>();
  readonly #asking = new Map<string, number>();

  constructor(snapshot: Pick<SnapshotPort, 'tool'>) {
    this.#snapshot = snapshot;
  }

  /** Announces that this action is a question: nothing of it may run here. Ended by {@link end}. */
  expect(actionId: string, server: string, instanceId: string): void {
    const key = keyOf(server, instanceId);
    this.#expected.set(actionId, { key, released: undefined });
    this.#asking.set(key, (this.#asking.get(key) ?? 0) + 1);
  }

  /** What was released, if the action got that far. */
  end(actionId: string): DispatchedAction | undefined {
    const expected = this.#expected.get(actionId);
    if (expected === undefined) return undefined;
    this.#expected.delete(actionId);
    const left = (this.#asking.get(expected.key) ?? 1) - 1;
    if (left > 0) this.#asking.set(expected.key, left);
    else this.#asking.delete(expected.key);
    return expected.released;
  }

  expects(actionId: string): boolean {
    return this.#expected.has(actionId);
  }

  /** Whether a question of this instance about this server is being decided. */
  asks(server: string, instanceId: string): boolean {
    return this.#asking.has(keyOf(server, instanceId));
  }

  prepare(): Promise<Prepared> {
    return Promise.resolve({ ok: true });
  }

  /** What is run elsewhere is what a person accepted: there is no other definition here to compare with. */
  live(server: ServerDoc, name: string): LiveDefinition {
    const tool = this.#snapshot.tool(server.name, name);
    return tool === undefined ? { state: 'absent' } : { state: 'offered', digest: tool.definitionDigest };
  }

  call({ action }: CallTarget): Promise<UpstreamCallOutcome> {
    const expected = this.#expected.get(action.actionId);
    if (expected !== undefined) expected.released = action;
    return Promise.resolve({
      kind: 'fault',
      fault: {
        code: 'upstream.elsewhere',
        dispatched: expected !== undefined,
        detail: 'It was released to the enforcement point that asked.',
      },
    });
  }
}
