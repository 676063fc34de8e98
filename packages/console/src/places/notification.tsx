/** What was I told, why, and has anybody taken note? The page that every message links to. */
import type { Notification } from '@atf/core/wire/notifications';
import { Link, useParams } from '@tanstack/react-router';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { SeverityMark } from '../parts/outcome.tsx';
import { FaultNote, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ExactTime } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { noticeWords } from './notice-words.ts';

export function NotificationPage() {
  const { id } = useParams({ from: '/shell/notifications/$id' });
  const notification = useAnswer('notifications.show', { params: { id } });
  const { data } = notification;
  return (
    <Page
      title={data === undefined ? 'Notification' : noticeWords[data.kind]}
      above={
        <Link to="/notifications" className="text-accent underline">
          What people were told
        </Link>
      }
    >
      <Shown answer={notification} lines={8}>
        {(found) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
            <Panel title="What happened, and why">
              <Told of={found} />
            </Panel>
            <NotePanel of={found} />
          </div>
        )}
      </Shown>
    </Page>
  );
}

function Told({ of }: { readonly of: Notification }) {
  return (
    <div className="space-y-3">
      <p className="font-medium">
        <UntrustedText text={of.summary} />
      </p>
      <p className="text-ink-2">
        <UntrustedText text={of.because} />
      </p>
      {of.claimed !== undefined && <Untrusted text={of.claimed} by={of.claimedBy ?? 'nobody known'} />}
      <Facts
        facts={[
          { name: 'Severity', value: <SeverityMark severity={of.severity} /> },
          { name: 'When', value: <ExactTime at={of.at} /> },
          ...(of.agent === undefined
            ? []
            : [
                {
                  name: 'Agent',
                  value: (
                    <Link to="/agents/$id" params={{ id: of.agent }} className="text-accent underline">
                      {of.agent}
                    </Link>
                  ),
                },
              ]),
          ...(of.tool === undefined
            ? []
            : [
                {
                  name: 'Tool',
                  value: (
                    <code>
                      <UntrustedText text={of.tool} />
                    </code>
                  ),
                },
              ]),
          ...(of.actionId === undefined
            ? []
            : [
                {
                  name: 'Record',
                  value: (
                    <Link to="/activity/$id" params={{ id: of.actionId }} className="text-accent underline">
                      the story of this action
                    </Link>
                  ),
                },
              ]),
          ...(of.approvalId === undefined
            ? []
            : [
                {
                  name: 'Approval',
                  value: (
                    <Link
                      to="/approvals/$id"
                      params={{ id: of.approvalId }}
                      className="text-accent underline"
                    >
                      exactly what would run
                    </Link>
                  ),
                },
              ]),
          { name: 'Concerns', value: of.to.join(', ') || 'nobody in particular' },
        ]}
      />
    </div>
  );
}

function NotePanel({ of }: { readonly of: Notification }) {
  const acknowledge = useChange('notifications.acknowledge', ['notifications.show', 'notifications.list']);
  if (of.acknowledged !== undefined) {
    const { at, by, with: using } = of.acknowledged;
    return (
      <Panel title="Taken note of">
        <p role="status">
          {by}
          {using === 'token' && ', with the operator’s token'}, <ExactTime at={at} />
        </p>
      </Panel>
    );
  }
  return (
    <Panel title="Nobody has taken note yet">
      <div className="space-y-3">
        <p className="text-ink-2">It goes on record that you have read this. It decides nothing.</p>
        {acknowledge.error !== null && <FaultNote error={acknowledge.error} />}
        <Button
          look="primary"
          size="lg"
          busy={acknowledge.isPending}
          onClick={() => acknowledge.mutate({ params: { id: of.id } })}
        >
          Acknowledge
        </Button>
      </div>
    </Panel>
  );
}
