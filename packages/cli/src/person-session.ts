/**
 * A session of a person of the example workspace, for demonstrations without a browser: one-time link, cookie, and a SIMULATED
 * presence. Control allows that for marked bootstrap people in the example workspace and for nobody else.
 */
import { csrfHeader, type Person, type PresenceSubject } from '@atf/core/wire/api';
import { ControlClient } from '@atf/sdk/client';
import { CliFailure, exitCodes } from './exit-codes.ts';

export interface PersonSession {
  readonly person: Person;
  readonly client: ControlClient;
  /** A presence token for exactly this decision. @throws ControlRefusal where simulation is not allowed */
  simulatePresence(subject: PresenceSubject): Promise<string>;
  signOut(): Promise<void>;
}

/** @throws CliFailure when the person is not a marked one of the example workspace */
export async function signInAs(operator: ControlClient, person: Person): Promise<PersonSession> {
  if (!person.bootstrap) {
    throw new CliFailure(
      exitCodes.refused,
      `${person.name} is a real person, whose presence is never simulated`,
      {
        code: 'people.presence_required',
        help: 'Leave --as away; the person confirms in the console.',
      },
    );
  }
  const { url } = await operator.call('people.link', { params: { id: person.id } });
  const browser = new CookieBrowser(operator.baseUrl);
  const client = new ControlClient({
    baseUrl: operator.baseUrl,
    fetch: browser.fetch,
    headers: () => browser.headers(),
  });
  const me = await client.call('people.signIn', { body: { token: new URL(url).hash.slice(1) } });
  browser.csrf = me.csrf;
  return {
    person: me.person,
    client,
    simulatePresence: async (subject) => {
      const { presenceId } = await client.call('people.beginPresence', { body: { subject } });
      return (
        await client.call('people.finishPresence', {
          params: { id: presenceId },
          body: { method: 'simulated' },
        })
      ).presence;
    },
    signOut: async () => {
      await client.call('people.signOut');
    },
  };
}

/** What a browser does for the console's page: keeps the session cookie, names its origin, sends the page's token. */
class CookieBrowser {
  csrf = '';
  private cookie = '';
  private readonly origin: string;

  constructor(baseUrl: string) {
    this.origin = new URL(baseUrl).origin;
  }

  headers(): Record<string, string> {
    return {
      origin: this.origin,
      ...(this.cookie === '' ? {} : { cookie: this.cookie }),
      ...(this.csrf === '' ? {} : { [csrfHeader]: this.csrf }),
    };
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init);
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) this.cookie = set.split(';')[0] ?? '';
    return response;
  };
}
