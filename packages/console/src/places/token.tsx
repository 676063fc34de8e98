/** What is behind a token: whoever answers for security looks, present and with a reason; or erases it. */
import type { ResponseOf } from '@atf/core/wire/api';
import { revealShownText } from '@atf/core/wire/tokens';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { FaultNote, Page, Panel } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

export function TokenPage() {
  const { token } = useParams({ from: '/shell/tokens/$token' });
  const me = useAnswer('people.me', {}).data;
  const [reason, setReason] = useState('');
  const [shown, setShown] = useState<ResponseOf<'tokens.reveal'>>();
  const reveal = useChange('tokens.reveal');
  const forget = useChange('tokens.forget');
  const may = me?.person.roles.includes('security') === true;
  const isNone = reason.trim() === '';
  return (
    <Page title="What is behind a token">
      <Panel title="The value">
        <div className="space-y-3">
          <p>
            <UntrustedText text={token} />
          </p>
          {!may && <p className="text-ink-2">Only people who answer for security look at it, or erase it.</p>}
          {may && shown === undefined && !forget.isSuccess && (
            <>
              <TextField
                label="Why you look at it, or erase it"
                required
                maxLength={500}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
              />
              <div className="flex flex-wrap gap-2">
                <Presence
                  verb="Show the value"
                  disabled={isNone}
                  says="The value is shown to you on this page. That you looked, and why, is on record."
                  subject={async () => ({
                    kind: 'token',
                    id: token,
                    digest: await boundDigestOf(revealShownText(token, reason)),
                  })}
                  onToken={async (presence) => {
                    setShown(
                      await reveal.mutateAsync({
                        params: { token },
                        body: { reason: reason.trim(), presence },
                      }),
                    );
                  }}
                />
                <Button
                  busy={forget.isPending}
                  disabled={isNone}
                  onClick={() => {
                    forget.mutate({ params: { token }, body: { reason: reason.trim() } });
                  }}
                >
                  Erase the value
                </Button>
              </div>
              {forget.error !== null && <FaultNote error={forget.error} />}
            </>
          )}
          {forget.isSuccess && <p role="status">It is erased. Whoever has the token has nothing.</p>}
          {shown !== undefined && (
            <dl role="status" className="space-y-2">
              <dt className="text-ink-2">Value</dt>
              <dd>
                <UntrustedText text={shown.value} />
              </dd>
              <dt className="text-ink-2">Found by, in a result of</dt>
              <dd>
                {shown.detector}, <UntrustedText text={shown.tool} />
              </dd>
              <dt className="text-ink-2">Kept until</dt>
              <dd>
                <ExactTime at={shown.expiresAt} />
              </dd>
            </dl>
          )}
        </div>
      </Panel>
    </Page>
  );
}
