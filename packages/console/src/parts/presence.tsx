/**
 * The fresh presence of a person for one decision (passkey, passphrase, or simulated in the example workspace). It stands in the
 * page beside what is decided, never in a dialog over it. The token it yields counts once and is bound to what was shown.
 */
import type { PresenceSubject, ResponseOf } from '@atf/core/wire/api';
import { startAuthentication, type PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/browser';
import { Link } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { call } from '../control/client.ts';
import { Button, type ButtonLook } from './button.tsx';
import { TextField } from './field.tsx';
import { Icon } from './icons.tsx';
import { FaultNote } from './panel.tsx';

type Begun = ResponseOf<'people.beginPresence'>;
type Method = Begun['methods'][number];

interface PresenceProps {
  /** What the confirmation is for; computed when asked, so that it binds what stands on the page at that moment. */
  readonly subject: () => Promise<PresenceSubject> | PresenceSubject;
  /** The button that starts it: `Approve`. */
  readonly verb: string;
  /** The word before `with passkey`, where the verb itself would mislead. */
  readonly confirmVerb?: string;
  readonly look?: ButtonLook;
  /** One sentence: what confirming does. */
  readonly says: ReactNode;
  readonly disabled?: boolean;
  /** Does the decided thing with the token; its refusal is shown here. */
  readonly onToken: (token: string) => Promise<void>;
}

type Step =
  | { readonly at: 'idle' }
  | { readonly at: 'begin' }
  | { readonly at: 'choose'; readonly begun: Begun }
  | { readonly at: 'finish'; readonly begun: Begun };

async function answerOf(method: Method, begun: Begun, passphrase: string) {
  if (method === 'passphrase') return { method, passphrase };
  if (method === 'simulated') return { method };
  const optionsJSON = begun.passkeyOptions as PublicKeyCredentialRequestOptionsJSON;
  return { method, response: (await startAuthentication({ optionsJSON })) as unknown };
}

export function Presence(props: PresenceProps) {
  const { subject, verb, confirmVerb = verb, look = 'primary', says, disabled = false, onToken } = props;
  const [step, setStep] = useState<Step>({ at: 'idle' });
  const [error, setError] = useState<unknown>();
  const [passphrase, setPassphrase] = useState('');
  const box = useRef<HTMLDivElement>(null);

  const begin = async () => {
    setError(undefined);
    setStep({ at: 'begin' });
    try {
      const begun = await call('people.beginPresence', { body: { subject: await subject() } });
      setStep({ at: 'choose', begun });
    } catch (fault) {
      setError(fault);
      setStep({ at: 'idle' });
    }
  };
  const finish = async (method: Method, begun: Begun) => {
    setError(undefined);
    setStep({ at: 'finish', begun });
    let token: string;
    try {
      const body = await answerOf(method, begun, passphrase);
      token = (await call('people.finishPresence', { params: { id: begun.presenceId }, body })).presence;
    } catch (fault) {
      // A mistyped passphrase or a dismissed passkey can be tried again on the same confirmation.
      setError(fault);
      setStep({ at: 'choose', begun });
      return;
    } finally {
      setPassphrase('');
    }
    try {
      await onToken(token);
    } catch (fault) {
      setError(fault);
    }
    setStep({ at: 'idle' });
  };
  useEffect(() => {
    if (step.at === 'choose') box.current?.querySelector<HTMLElement>('input,button,a')?.focus();
  }, [step.at]);

  if (step.at === 'idle' || step.at === 'begin') {
    return (
      <div className="space-y-3">
        {error !== undefined && <PresenceFault error={error} />}
        <Button
          look={look}
          size="lg"
          busy={step.at === 'begin'}
          disabled={disabled}
          onClick={() => void begin()}
        >
          {verb}
        </Button>
      </div>
    );
  }
  const { begun } = step;
  const busy = step.at === 'finish';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void finish('passphrase', begun);
  };
  return (
    <div
      ref={box}
      role="group"
      aria-label={`Confirm: ${verb}`}
      className="space-y-3 rounded-lg border border-accent/60 bg-accent-soft p-3"
    >
      <div>
        <p className="font-medium">Confirm that you are here</p>
        <p className="text-ink-2">{says}</p>
      </div>
      {error !== undefined && <PresenceFault error={error} />}
      {begun.methods.length === 0 && (
        <p>
          You have neither passkey nor passphrase yet.{' '}
          <Link to="/me" className="text-accent underline">
            Set one up
          </Link>
          , then come back.
        </p>
      )}
      {begun.methods.includes('passkey') && (
        <Button look={look} size="lg" busy={busy} onClick={() => void finish('passkey', begun)}>
          <Icon name="key" /> {confirmVerb} with passkey
        </Button>
      )}
      {begun.methods.includes('passphrase') && (
        <form onSubmit={submit} className="flex flex-wrap items-end gap-2">
          <div className="min-w-48 flex-1">
            <TextField
              label="Passphrase"
              type="password"
              autoComplete="current-password"
              required
              value={passphrase}
              onChange={(event) => setPassphrase(event.target.value)}
            />
          </div>
          <Button type="submit" look={begun.methods.includes('passkey') ? 'plain' : look} busy={busy}>
            {confirmVerb} with passphrase
          </Button>
        </form>
      )}
      {begun.methods.includes('simulated') && (
        <Button
          look={begun.methods.length === 1 ? look : 'plain'}
          busy={busy}
          onClick={() => void finish('simulated', begun)}
        >
          {confirmVerb} with simulated presence
        </Button>
      )}
      <Button look="quiet" disabled={busy} onClick={() => setStep({ at: 'idle' })}>
        Cancel
      </Button>
    </div>
  );
}

/** A passkey dialog that was dismissed is not a fault of the product: it gets words of its own. */
function PresenceFault({ error }: { readonly error: unknown }) {
  const dismissed =
    error instanceof Error && (error.name === 'NotAllowedError' || error.name === 'AbortError');
  if (!dismissed) return <FaultNote error={error} />;
  return (
    <p role="alert" className="rounded-md border border-line-strong bg-sunken p-2">
      The passkey was not confirmed. Nothing was decided; try again when you are ready.
    </p>
  );
}
