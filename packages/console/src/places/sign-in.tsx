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

function takeToken(): string | undefined {
  if (location.pathname !== '/sign-in' || location.hash.length < 2) return undefined;
  const found = location.hash.slice(1);
  history.replaceState(null, '', '/sign-in');
  return found;
}

export function SignIn() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>();
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    const found = token ?? takeToken();
    token = undefined;
    if (found === undefined) {
      // StrictMode runs this twice; the second run finds the first one's request under way.
      setMissing(true);
      return;
    }
    call('people.signIn', { body: { token: found } }).then(
      (me) => {
        client.clear();
        client.setQueryData(['people.me', {}], keepCsrf(me));
        void navigate({ to: takeReturn(), replace: true });
      },
      (fault: unknown) => setError(fault),
    );
  }, [client, navigate]);
  if (error !== undefined) {
    return (
      <Card title="Not signed in">
        <FaultNote error={error} />
      </Card>
    );
  }
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
