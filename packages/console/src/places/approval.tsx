/** What exactly will happen if I say yes? */
import { briefWords } from '@atf/core/approval-words';
import type { Approval } from '@atf/core/wire/api';
import { Link, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Arguments } from '../parts/arguments.tsx';
import { Button } from '../parts/button.tsx';
import { TextArea } from '../parts/field.tsx';
import { LevelBadge } from '../parts/level.tsx';
import { ApprovalMark } from '../parts/outcome.tsx';
import { FaultNote, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime, Time, useNowMs } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { ToolLink } from '../parts/rights-table.tsx';

const everyMs = 5_000;

export function ApprovalPage() {
  const { id } = useParams({ from: '/shell/approvals/$id' });
  const approval = useAnswer('approvals.show', { params: { id } }, { everyMs });
  const data = approval.data;
  return (
    <Page
      title={data === undefined ? 'Approval' : `${data.agent.name} asks for ${data.tool}`}
      above={
        <Link to="/approvals" className="hover:underline">
          Approvals
        </Link>
      }
      sub={
        data === undefined ? undefined : (
          <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
            <ApprovalMark state={data.state} />
            {data.brief !== undefined && (
              <strong className="font-medium text-ink">
                <UntrustedText text={briefWords(data.brief)} />
              </strong>
            )}
            <span>
              asked <Time at={data.requestedAt} />
            </span>
            {(data.state === 'waiting' || data.state === 'approved') && (
              <span>
                expires <Time at={data.expiresAt} />
              </span>
            )}
          </span>
        )
      }
    >
      <Shown answer={approval} lines={12}>
        {(found) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
            <div className="space-y-4">
              <CallPanel approval={found} />
              <EffectPanel approval={found} />
            </div>
            <div className="space-y-4 lg:sticky lg:top-16">
              <DecisionPanel key={found.shownDigest} approval={found} />
              <AskerPanel approval={found} />
            </div>
          </div>
        )}
      </Shown>
    </Page>
  );
}

/** Only what is still to be decided, or released, will run. */
function callTitle(state: Approval['state']): string {
  if (state === 'waiting' || state === 'approved') return 'Exactly this will run, once';
  return state === 'done' || state === 'consumed' ? 'Exactly this ran, once' : 'The call that was asked for';
}

/** The gateway's facts first, the agent's words after them, marked. */
function CallPanel({ approval }: { readonly approval: Approval }) {
  return (
    <Panel title={callTitle(approval.state)} aside={<ToolLink tool={approval.tool} />}>
      {approval.argsText === undefined ? (
        <p className="text-ink-2">
          Your roles do not let you read the arguments, so you cannot decide about them.
        </p>
      ) : (
        <Arguments
          text={approval.argsText}
          digest={approval.argsDigest}
          by={`the agent ${approval.agent.name}`}
        />
      )}
      {approval.statedText !== undefined && (
        <div className="mt-3">
          <Arguments text={approval.statedText} by={`the agent ${approval.agent.name}, about this call`} />
        </div>
      )}
    </Panel>
  );
}

const effects = {
  read: 'It reads.',
  write: 'It changes data.',
  send: 'It sends something out.',
  execute: 'It executes something.',
  admin: 'It administers, or nobody has classified it yet.',
} as const;

function EffectPanel({ approval }: { readonly approval: Approval }) {
  const { approved, rejected } = approval.precedents;
  return (
    <Panel title="What it changes">
      <Facts
        facts={[
          {
            name: 'Class',
            value: (
              <>
                <strong className="font-medium">{approval.class}</strong>{' '}
                <span className="text-ink-2">{effects[approval.class]}</span>
              </>
            ),
          },
          {
            name: 'Can it be undone?',
            value: approval.reversible ? (
              <>
                Yes
                {approval.inverse !== undefined && (
                  <>
                    , with{' '}
                    <code>
                      <UntrustedText text={approval.inverse} />
                    </code>
                  </>
                )}
              </>
            ) : (
              <strong className="font-medium text-danger">No, it is final</strong>
            ),
          },
          { name: 'Why you are asked', value: <UntrustedText text={approval.because} /> },
          ...(approval.approver === undefined
            ? []
            : [{ name: 'Only for', value: <UntrustedText text={approval.approver} /> }]),
          {
            name: 'Calls like it',
            value:
              approved + rejected === 0
                ? 'none was decided before'
                : `${approved} approved, ${rejected} rejected (same agent, same tool)`,
          },
          { name: 'Asked', value: <ExactTime at={approval.requestedAt} /> },
          { name: 'Expires', value: <ExactTime at={approval.expiresAt} /> },
          {
            name: 'Definition',
            value: <ShortId id={approval.definitionDigest} what="digest of the tool definition" />,
          },
          {
            name: 'Shown to you',
            value: <ShortId id={approval.shownDigest} what="digest of what is shown" />,
          },
        ]}
      />
    </Panel>
  );
}

function AskerPanel({ approval }: { readonly approval: Approval }) {
  return (
    <Panel
      title="Who asks"
      aside={
        <Link to="/agents/$id" params={{ id: approval.agent.name }} className="text-accent underline">
          {approval.agent.name}
        </Link>
      }
    >
      <div className="space-y-3">
        <LevelBadge level={approval.agent.level} />
        <Untrusted text={approval.agent.purpose} by="its manifest" />
      </div>
    </Panel>
  );
}

const makesOld = ['approvals.list', 'approvals.show', 'overview'] as const;

function DecisionPanel({ approval }: { readonly approval: Approval }) {
  const now = useNowMs();
  if (approval.state !== 'waiting') return <DecidedPanel approval={approval} />;
  if (Date.parse(approval.expiresAt) <= now) {
    return (
      <Panel title="Your decision">
        <p className="text-ink-2">It has expired: nothing runs. The agent can ask again.</p>
      </Panel>
    );
  }
  return (
    <Panel title="Your decision">
      <Approve approval={approval} />
      <hr className="my-4 border-line" />
      <Reject approval={approval} />
    </Panel>
  );
}

function Approve({ approval }: { readonly approval: Approval }) {
  const approve = useChange('approvals.approve', makesOld);
  return (
    <Presence
      verb="Approve"
      disabled={approval.argsText === undefined}
      says={
        <>
          {approval.agent.name} may then run <code>{approval.tool}</code> once, exactly as shown.{' '}
          {approval.reversible ? 'It can be undone.' : 'It cannot be undone.'}
        </>
      }
      subject={() => ({ kind: 'approval', id: approval.id, digest: approval.shownDigest })}
      onToken={async (presence) => {
        await approve.mutateAsync({
          params: { id: approval.id },
          body: { shownDigest: approval.shownDigest, presence },
        });
      }}
    />
  );
}

function Reject({ approval }: { readonly approval: Approval }) {
  const reject = useChange('approvals.reject', makesOld);
  const [reason, setReason] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    reject.mutate({ params: { id: approval.id }, body: { reason: reason.trim() } });
  };
  return (
    <form onSubmit={submit} className="space-y-2">
      <TextArea
        label="Reason for a rejection"
        hint="The agent reads it, so say what it should do instead."
        required
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      {reject.error !== null && <FaultNote error={reject.error} />}
      <Button type="submit" busy={reject.isPending} disabled={reason.trim() === ''}>
        Reject
      </Button>
    </form>
  );
}

const after = {
  approved: 'The call is released. It runs once, when the agent asks for it again.',
  rejected: 'It will not run.',
  expired: 'Nobody decided in time. It will not run.',
  void: 'A stop voided it. It will not run.',
  consumed: 'It was released and sent to the tool; the result is not in yet.',
  done: 'It ran once; the result is stored.',
  unknown: 'It was released once and its result was lost. Look at the target system.',
} as const;

function DecidedPanel({ approval }: { readonly approval: Approval }) {
  if (approval.state === 'waiting') return null;
  return (
    <Panel title="Decided">
      <div role="status" className="space-y-2">
        <p className="text-lg font-semibold">
          <ApprovalMark state={approval.state} />
        </p>
        <p className="text-ink-2">{after[approval.state]}</p>
        {approval.decidedBy !== undefined && (
          <p>
            By {approval.decidedBy}
            {approval.decidedAt !== undefined && (
              <>
                , <Time at={approval.decidedAt} />
              </>
            )}
          </p>
        )}
        {approval.reason !== undefined && (
          <p className="border-l-2 border-line-strong pl-2 text-ink-2">
            <UntrustedText text={approval.reason} />
          </p>
        )}
      </div>
    </Panel>
  );
}
