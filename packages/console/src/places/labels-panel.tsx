/** What an agent has read, and what follows from it; and whoever answers for security, and not for the agent, declares it harmless. */
import type { Agent } from '@atf/core/wire/api';
import { type LabelsView, loweredShownText } from '@atf/core/wire/labels';
import { type OutputTrust, type Sensitivity, sensitivities } from '@atf/core/wire/words';
import { useState } from 'react';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { FaultNote, Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 10_000;
const shownMax = 20;

const isClean = ({ confidentiality, integrity }: LabelsView) =>
  confidentiality === 'public' && integrity === 'trusted';
const trustWords: Readonly<Record<OutputTrust, string>> = {
  trusted: 'nothing that others may have written',
  untrusted: 'what others may have written',
};
const labelWords = ({ confidentiality, integrity }: Pick<LabelsView, 'confidentiality' | 'integrity'>) =>
  `${confidentiality} content at most, and ${trustWords[integrity]}`;

export function LabelsPanel({ agent }: { readonly agent: Agent }) {
  const labels = useAnswer('labels.list', { params: { id: agent.id } }, { everyMs });
  return (
    <Panel title="What it has read" aside="it binds what may be sent">
      <Shown answer={labels}>
        {({ items }) => {
          const bound = items.filter((each) => !isClean(each));
          if (bound.length === 0)
            return <p className="text-ink-2">Nothing that is confidential, and nothing of strangers.</p>;
          return (
            <ul className="space-y-4">
              {bound.slice(0, shownMax).map((each) => (
                <li key={each.holder}>
                  <Held agent={agent} labels={each} />
                </li>
              ))}
              {bound.length > shownMax && <li>and {bound.length - shownMax} more</li>}
            </ul>
          );
        }}
      </Shown>
    </Panel>
  );
}

function Sources({ labels: { sources } }: { readonly labels: LabelsView }) {
  return (
    <ul className="text-ink-2">
      {sources.map(({ tool, since, confidentiality, integrity }) => (
        <li key={tool}>
          <UntrustedText text={tool} />: {confidentiality}, {integrity}, since <ExactTime at={since} />
        </li>
      ))}
    </ul>
  );
}

interface HeldProps {
  readonly agent: Agent;
  readonly labels: LabelsView;
}

function Held({ agent, labels }: HeldProps) {
  const me = useAnswer('people.me', {}).data;
  const review = useChange('labels.review');
  const [shown, setShown] = useState<LabelsView>();
  const { owner, technicalOwner, businessOwner } = agent;
  const may =
    me?.person.roles.includes('security') === true &&
    ![owner, technicalOwner, businessOwner].some(({ id }) => id === me.person.id);
  const name = `${labels.kind} ${labels.holder.slice(0, 8)}`;
  return (
    <div className="space-y-2">
      <p>
        {labels.kind === 'task' ? 'Task' : 'Instance'}{' '}
        <ShortId id={labels.holder} what={`id of the ${labels.kind}`} />: it has read {labelWords(labels)}.
      </p>
      <Sources labels={labels} />
      {may && shown === undefined && (
        <Button
          busy={review.isPending}
          onClick={() => {
            review.mutate({ params: { id: labels.holder } }, { onSuccess: setShown });
          }}
        >
          Declassify {name}…
        </Button>
      )}
      {review.error !== null && <FaultNote error={review.error} />}
      {shown !== undefined && (
        <Lowering
          key={shown.revision}
          name={name}
          agent={agent}
          labels={shown}
          onDone={() => {
            setShown(undefined);
          }}
        />
      )}
    </div>
  );
}

function Lowering({
  agent,
  labels,
  name,
  onDone,
}: HeldProps & { readonly name: string; readonly onDone: () => void }) {
  const [confidentiality, setConfidentiality] = useState<Sensitivity>('public');
  const [integrity, setIntegrity] = useState<OutputTrust>('trusted');
  const [reason, setReason] = useState('');
  const lower = useChange('labels.lower', ['labels.list', 'overview']);
  const to = { confidentiality, integrity };
  const { holder, revision } = labels;
  return (
    <div className="space-y-3 border-l-2 border-accent pl-3">
      <p>
        From now on each reading is noticed: if it reads anything more, this does not count, and you look
        again. As you look, it has read {labelWords(labels)}.
      </p>
      <Sources labels={labels} />
      <SelectField
        label="The most confidential of it counts as"
        value={confidentiality}
        options={sensitivities
          .slice(0, sensitivities.indexOf(labels.confidentiality) + 1)
          .map((value) => ({ value, text: value }))}
        onChange={(event) => setConfidentiality(event.target.value as Sensitivity)}
      />
      <SelectField
        label="It counts as having read"
        value={integrity}
        options={(labels.integrity === 'trusted'
          ? ['trusted' as const]
          : (['trusted', 'untrusted'] as const)
        ).map((value) => ({ value, text: trustWords[value] }))}
        onChange={(event) => setIntegrity(event.target.value as OutputTrust)}
      />
      <TextField
        label="Why it is harmless"
        required
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="flex flex-wrap gap-2">
        <Presence
          verb="Declassify"
          disabled={reason.trim() === ''}
          says={`${agent.name}, ${name}, sends as if it had read ${labelWords(to)}. What it reads from now on counts again. Calls that wait for a person go on waiting.`}
          subject={async () => ({
            kind: 'labels',
            id: holder,
            digest: await boundDigestOf(loweredShownText({ holder, revision, to, reason })),
          })}
          onToken={async (presence) => {
            await lower.mutateAsync({
              params: { id: holder },
              body: { revision, ...to, reason: reason.trim(), presence },
            });
            onDone();
          }}
        />
        <Button onClick={onDone}>Not now</Button>
      </div>
    </div>
  );
}
