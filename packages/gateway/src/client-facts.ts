/**
 * What a client of the elder revisions said once and for all: what it can be asked for (`initialize`), and which log messages it wants
 * (`logging/setLevel`). Kept by what its credential says, never by a session id that a client sends; what is not known was not declared. A gateway that
 * starts anew knows nothing, and then asks for nothing.
 */
import type { CredentialFacts } from '@atf/core/world';
import type { LogLevel } from './protocols/mcp-log.ts';
import type { ClientOffers } from './protocols/protocol.ts';

export const clientsMax = 50_000;
const nothing: ClientOffers = { asks: [], url: false };

interface Said {
  readonly offers: ClientOffers;
  readonly logLevel: LogLevel | undefined;
}

export class ClientFacts {
  readonly #said = new Map<string, Said>();

  of(credential: CredentialFacts, server: string): Said {
    return this.#said.get(keyOf(credential, server)) ?? { offers: nothing, logLevel: undefined };
  }

  note(credential: CredentialFacts, server: string, said: Partial<Said>): void {
    const key = keyOf(credential, server);
    const now = { ...this.of(credential, server), ...said };
    this.#said.delete(key);
    this.#said.set(key, now);
    const [oldest] = this.#said.keys();
    if (this.#said.size > clientsMax && oldest !== undefined) this.#said.delete(oldest);
  }
}

const keyOf = ({ instanceId, sid }: CredentialFacts, server: string): string =>
  `${instanceId} ${sid} ${server}`;
