/** What exactly am I asked to clear, and what does it open? */
import type { Clearance } from '@atf/core/wire/api';
import { useParams } from '@tanstack/react-router';
import { useAnswer, useChange } from '../control/queries.ts';
import { Arguments } from '../parts/arguments.tsx';
import { Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 5_000;

const titles: Readonly<Record<Clearance['operation'], string>> = {
  'people.add': 'Register a person',
  'people.link': 'Make a sign-in link',
  'servers.mayAsk': 'Change what a tool server may ask for',
  'tools.classify': 'Change the classification of a tool',
  'servers.classify': 'Change the classifications of several tools',
  'tools.accept': 'Accept a definition',
  'sources.set': 'Register a retrieval source',
  'sources.remove': 'Remove a retrieval source',
  'sources.blend': 'Let an agent bring indexes together',
  'targets.add': 'Add a target of notifications',
  'targets.remove': 'Remove a target of notifications',
};

export function ClearancePage() {
  const { id } = useParams({ from: '/shell/clearances/$id' });
  const clearance = useAnswer('clearances.show', { params: { id } }, { everyMs });
  const { data } = clearance;
  return (
    <Page title={data === undefined ? 'Clearance' : `${titles[data.operation]}: clear it?`}>
      <Shown answer={clearance} lines={8}>
        {(found) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
            <Panel title="Exactly this request">
              <div className="space-y-3">
                <p>
                  <UntrustedText text={found.says} />
                </p>
                <Arguments text={found.requestText} by={found.askedBy} />
                <Facts
                  facts={[
                    { name: 'Asked by', value: <UntrustedText text={found.askedBy} /> },
                    { name: 'Asked', value: <ExactTime at={found.askedAt} /> },
                    { name: 'Expires', value: <ExactTime at={found.expiresAt} /> },
                    {
                      name: 'Shown to you',
                      value: <ShortId id={found.shownDigest} what="digest of what is shown" />,
                    },
                  ]}
                />
              </div>
            </Panel>
            <DecisionPanel key={found.shownDigest} clearance={found} />
          </div>
        )}
      </Shown>
    </Page>
  );
}

const after = {
  granted: 'Cleared: whoever asked can make exactly this request, once, within some minutes.',
  used: 'Cleared, and done.',
  expired: 'It has expired: nothing happens. It can be asked for again.',
} as const;

function DecisionPanel({ clearance }: { readonly clearance: Clearance }) {
  const grant = useChange('clearances.grant', ['clearances.show']);
  const { id, shownDigest, state } = clearance;
  if (state !== 'waiting')
    return (
      <Panel title="Decided">
        <p role="status">{after[state]}</p>
      </Panel>
    );
  return (
    <Panel title="Your decision">
      <div className="space-y-3">
        <p className="text-ink-2">
          The command line asks with a token that stands on the disk of this host. Clear it only when you know
          who asked. Leaving this page is the same as no.
        </p>
        <Presence
          verb="Clear"
          says="This lets exactly the request that is shown happen, once."
          subject={() => ({ kind: 'clearance', id, digest: shownDigest })}
          onToken={async (presence) => {
            await grant.mutateAsync({ params: { id }, body: { shownDigest, presence } });
          }}
        />
      </div>
    </Panel>
  );
}
