/**
 * Room: audit (D-3). The wrapping key for payloads: asked of control, held in memory only, asked again now and then so that a rotation
 * arrives. While there is none, nothing can be recorded and so nothing runs.
 */
import { createSecretKey } from 'node:crypto';
import type { ControlPort, WrappingKey } from './ports.ts';

const renewEveryMs = 600_000;
const retryAfterMs = 500;
const keyBytes = 32;

export class PayloadKey {
  readonly #control: ControlPort;
  #key: WrappingKey | undefined;
  #dueMs = 0;
  #asking = false;

  constructor(control: ControlPort) {
    this.#control = control;
  }

  current(): WrappingKey | undefined {
    return this.#key;
  }

  /** Asks when it is due. Called when control was connected, and once a second. */
  async tick(monotonicMs: number): Promise<void> {
    if (this.#asking || monotonicMs < this.#dueMs) return;
    this.#asking = true;
    try {
      const answer = await this.#control.request('gateway.payloadKey', {});
      const bytes = answer.ok ? Buffer.from(answer.value.key, 'base64url') : undefined;
      const key = bytes?.byteLength === keyBytes ? createSecretKey(bytes) : undefined;
      if (answer.ok && key !== undefined) this.#key = { kid: answer.value.kid, key };
      this.#dueMs = monotonicMs + (key === undefined ? retryAfterMs : renewEveryMs);
    } finally {
      this.#asking = false;
    }
  }
}
