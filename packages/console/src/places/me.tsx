/** The signed-in person: roles, and the two ways to prove presence. */
import type { Me, PresenceSubject } from '@atf/core/wire/api';
import { startRegistration, type PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/browser';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { call, forgetCsrf } from '../control/client.ts';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { Icon } from '../parts/icons.tsx';
import { FaultNote, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';

export function MePage() {
  const me = useAnswer('people.me', {});
  return (
    <Page title="Me">
      <Shown answer={me}>
        {(data) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
            <PersonPanel me={data} />
            <div className="space-y-4">
              <PasskeyPanel me={data} />
              <PassphrasePanel me={data} />
            </div>
          </div>
        )}
      </Shown>
    </Page>
  );
}

const methodWords = {
  passkey: 'passkey',
  passphrase: 'passphrase',
  simulated: 'simulated, in the example workspace only',
} as const;

function PersonPanel({ me }: { readonly me: Me }) {
  const client = useQueryClient();
  const signOut = useChange('people.signOut');
  const leave = () =>
    signOut.mutate(
      {},
      {
        onSuccess: () => {
          forgetCsrf();
          client.clear();
          location.assign('/');
        },
      },
    );
  return (
    <Panel title={me.person.name}>
      <div className="space-y-4">
        <Facts
          facts={[
            { name: 'E-mail', value: me.person.email },
            {
              name: 'Roles',
              value:
                me.person.roles.length === 0
                  ? 'none'
                  : me.person.roles.map((role) => role.replaceAll('_', ' ')).join(', '),
            },
            {
              name: 'Signed in by',
              value:
                me.by === 'session'
                  ? 'a one-time link, with a session of this browser'
                  : 'the host operator’s token, which may not approve, resume or promote',
            },
            {
              name: 'Presence',
              value:
                me.presenceMethods.length === 0 ? (
                  <span className="text-danger">
                    none yet: set up a passkey or a passphrase to approve and resume
                  </span>
                ) : (
                  me.presenceMethods.map((method) => methodWords[method]).join(', ')
                ),
            },
            ...(me.person.bootstrap
              ? [{ name: 'Example', value: 'an invented person of the example workspace' }]
              : []),
          ]}
        />
        {signOut.error !== null && <FaultNote error={signOut.error} />}
        <Button busy={signOut.isPending} onClick={leave}>
          Sign out
        </Button>
      </div>
    </Panel>
  );
}

/** A borrowed session must not be able to add a way to confirm: one that is there already confirms the next (control checks it). */
async function factorSubject(person: Me['person']): Promise<PresenceSubject> {
  return { kind: 'factor', id: person.id, digest: await boundDigestOf(`factor:${person.id}`) };
}

function Done({ children }: { readonly children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5 text-good">
      <Icon name="allowed" /> {children}
    </span>
  );
}

function PasskeyPanel({ me }: { readonly me: Me }) {
  const client = useQueryClient();
  const [state, setState] = useState<'idle' | 'busy' | 'done'>('idle');
  const [error, setError] = useState<unknown>();
  const add = async (presence?: string) => {
    setState('busy');
    setError(undefined);
    try {
      const { options } = await call('people.passkeyOptions', {});
      const response = await startRegistration({
        optionsJSON: options as PublicKeyCredentialCreationOptionsJSON,
      });
      await call('people.addPasskey', {
        body: { response, ...(presence === undefined ? {} : { presence }) },
      });
      setState('done');
      await client.invalidateQueries({ queryKey: ['people.me'] });
    } catch (fault) {
      setError(fault);
      setState('idle');
    }
  };
  const dismissed = error instanceof Error && error.name === 'NotAllowedError';
  const first = me.passkeys === 0 && !me.hasPassphrase;
  const verb = me.passkeys === 0 ? 'Add a passkey' : 'Add another passkey';
  return (
    <Panel title="Passkey" aside={me.passkeys === 0 ? 'none yet' : `${me.passkeys} registered`}>
      <div className="space-y-3">
        <p className="text-ink-2">
          A passkey stays in this device or key. It is the quickest and safest way to confirm an approval: one
          touch, nothing to type, nothing to steal.
        </p>
        {error !== undefined &&
          (dismissed ? (
            <p role="alert">The browser stopped it. No passkey was added.</p>
          ) : (
            <FaultNote error={error} />
          ))}
        <p role="status" className="empty:hidden">
          {state === 'done' ? <Done>The passkey is registered.</Done> : ''}
        </p>
        {first ? (
          <Button look="primary" busy={state === 'busy'} onClick={() => void add()}>
            <Icon name="key" /> {verb}
          </Button>
        ) : (
          <Presence
            verb={verb}
            confirmVerb="Confirm"
            look="plain"
            says="One of your ways to confirm lets the next one in."
            subject={() => factorSubject(me.person)}
            onToken={(presence) => add(presence)}
          />
        )}
      </div>
    </Panel>
  );
}

const passphraseCharsMin = 12;

function PassphrasePanel({ me }: { readonly me: Me }) {
  const [passphrase, setPassphrase] = useState('');
  const [current, setCurrent] = useState('');
  const save = useChange('people.setPassphrase', ['people.me']);
  const store = async (presence?: string) => {
    const body = {
      passphrase,
      ...(me.hasPassphrase ? { current } : {}),
      ...(presence === undefined ? {} : { presence }),
    };
    await save.mutateAsync({ body });
    setPassphrase('');
    setCurrent('');
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // What control refuses is shown from the mutation's own state.
    store().catch(() => undefined);
  };
  const byPasskey = !me.hasPassphrase && me.passkeys > 0;
  const verb = me.hasPassphrase ? 'Change the passphrase' : 'Set the passphrase';
  return (
    <Panel title="Passphrase" aside={me.hasPassphrase ? 'set' : 'none yet'}>
      <div className="space-y-3">
        <form onSubmit={submit} className="space-y-3">
          {me.hasPassphrase && (
            <TextField
              label="Current passphrase"
              type="password"
              autoComplete="current-password"
              required
              maxLength={200}
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          )}
          <TextField
            label={me.hasPassphrase ? 'New passphrase' : 'Passphrase'}
            hint={`At least ${passphraseCharsMin} characters; several words are easier to keep.`}
            type="password"
            autoComplete="new-password"
            required
            minLength={passphraseCharsMin}
            maxLength={200}
            value={passphrase}
            onChange={(event) => setPassphrase(event.target.value)}
          />
          {save.error !== null && !byPasskey && <FaultNote error={save.error} />}
          <p role="status" className="empty:hidden">
            {save.isSuccess ? <Done>The passphrase is set.</Done> : ''}
          </p>
          {!byPasskey && (
            <Button type="submit" busy={save.isPending}>
              {verb}
            </Button>
          )}
        </form>
        {byPasskey && (
          <Presence
            verb={verb}
            confirmVerb="Confirm"
            look="plain"
            disabled={passphrase.length < passphraseCharsMin}
            says="Your passkey lets the passphrase in."
            subject={() => factorSubject(me.person)}
            onToken={(presence) => store(presence)}
          />
        )}
      </div>
    </Panel>
  );
}
