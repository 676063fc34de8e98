/** Boundaries that a Principal has widened for itself, what policy offers it, and the end of each by a person. */
import type { Agent } from '@atf/core/wire/api';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { FaultNote, Panel } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';

const everyMs = 10_000;

export function BoundariesPanel({ agent }: { readonly agent: Agent }) {
  const answer = useAnswer('agents.boundaries', { params: { id: agent.id } }, { everyMs });
  const revoke = useChange('agents.revokeGrant', ['agents.boundaries', 'agents.rights', 'overview']);
  const { grants = [], offers = [] } = answer.data ?? {};
  if (grants.length + offers.length === 0) return null;
  return (
    <Panel title="Boundaries it may widen" aside="what policy offers it while it works as Principal" flush>
      <ul>
        {grants.map((grant) => (
          <li
            key={grant.id}
            className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line bg-accent-soft px-4 py-2 last:border-b-0"
          >
            <span>
              {grant.says}, until <Time at={grant.until} />
            </span>
            <Button
              onClick={() => revoke.mutate({ params: { id: agent.id, grant: grant.id } })}
              disabled={revoke.isPending}
            >
              End {grant.offer} now
            </Button>
          </li>
        ))}
        {offers.map((offer) => (
          <li key={offer.name} className="border-b border-line px-4 py-2 last:border-b-0">
            <span className="font-medium">{offer.name}</span>{' '}
            <span className="text-ink-2">
              {offer.says}; for at most {offer.minutesMax} minutes, {offer.timesLeft} of {offer.timesPerDay}{' '}
              times left today
            </span>
          </li>
        ))}
      </ul>
      {revoke.error !== null && <FaultNote error={revoke.error} />}
    </Panel>
  );
}
