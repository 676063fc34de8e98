/**
 * Redeems a one-time sign-in link. The token stands in the fragment, which browsers never send; it is read once and taken out of the
 * address and the history before anything else happens.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { call, keepCsrf } from '../control/client.ts';
import { FaultNote, Loading } from '../parts/panel.tsx';
import { takeReturn } from './return-to.ts';
import { Card } from './signed-out.tsx';

/** Taken when the module loads, so that no second render and no extension sees it later. */
let token: string | undefined = takeToken();
let asked = false;

function takeToken(): string | undefined {
  if (location.pathname !== '/sign-in' || location.hash.length < 2) return undefined;
  const found = location.hash.slice(1);
  history.replaceState(null, '', '/sign-in');
  return found;
}

type State =
  | { readonly at: 'asking' }
  | { readonly at: 'missing' }
  | { readonly at: 'refused'; readonly error: unknown };

export function SignIn() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [state, setState] = useState<State>({ at: 'asking' });
  useEffect(() => {
    const redeem = () => {
      const found = token ?? takeToken();
      token = undefined;
      if (found === undefined) return false;
      setState({ at: 'asking' });
      call('people.signIn', { body: { token: found } }).then(
        (me) => {
          client.clear();
          client.setQueryData(['people.me', {}], keepCsrf(me));
          void navigate({ to: takeReturn(), replace: true });
        },
        (error: unknown) => setState({ at: 'refused', error }),
      );
      return true;
    };
    // React runs effects twice in development: what the first run asks is under way when the second finds nothing.
    if (!redeem() && !asked) setState({ at: 'missing' });
    asked = true;
    // Another link pasted into this tab changes the fragment only.
    window.addEventListener('hashchange', redeem);
    return () => window.removeEventListener('hashchange', redeem);
  }, [client, navigate]);
  if (state.at === 'refused') {
    return (
      <Card title="Not signed in">
        <FaultNote error={state.error} />
      </Card>
    );
  }
  const missing = state.at === 'missing';
  return (
    <Card title={missing ? 'Sign in' : 'Signing you in'}>
      {missing ? (
        <p>
          This address needs the link as <code>atf sign-in</code> prints it, with all that follows the #.
        </p>
      ) : (
        <Loading lines={2} />
      )}
    </Card>
  );
}
