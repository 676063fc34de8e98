/** How many calls an agent makes in an hour beside how many are usual; and, when it is throttled for that, a person lets it go on. */
import { followedWords, throttleWords, volumeWords } from '@atf/core/identity/manifest-words';
import { type AgentVolume, unthrottleShownText } from '@atf/core/wire/adaptive';
import type { Agent } from '@atf/core/wire/api';
import { useState } from 'react';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';

const everyMs = 10_000;

export function VolumePanel({ agent }: { readonly agent: Agent }) {
  const volume = useAnswer('agents.volume', { params: { id: agent.id } }, { everyMs });
  return (
    <Panel title="Calls in an hour" aside="calls that ran; hours by the clock, UTC">
      <Shown answer={volume}>
        {(found) => (
          <div className="space-y-3">
            <p>{volumeWords(found)}</p>
            {found.followed !== undefined && <p>Its rate: {followedWords(found.followed)}.</p>}
            {found.throttledAbove !== undefined && (
              <meter
                className="block h-2 w-full max-w-sm"
                aria-label="calls in this hour, of what is not throttled"
                min={0}
                max={found.throttledAbove}
                high={found.baseline}
                value={Math.min(found.calls, found.throttledAbove)}
              />
            )}
            <Hours volume={found} />
            {found.throttle !== undefined && (
              <Throttled key={found.throttle.since} agent={agent} throttle={found.throttle} />
            )}
          </div>
        )}
      </Shown>
    </Panel>
  );
}

/** One bar an active hour; the same numbers as a table behind it. */
function Hours({ volume: { hours, baseline } }: { readonly volume: AgentVolume }) {
  if (hours.length < 2) return null;
  const highest = Math.max(...hours.map(({ calls }) => calls), baseline ?? 0, 1);
  const width = 100 / hours.length;
  const heightOf = (calls: number) => (calls / highest) * 40;
  return (
    <div className="max-w-3xl">
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" className="h-20 w-full" aria-hidden="true">
        {hours.map(({ at, calls }, index) => (
          <rect
            key={at}
            x={index * width + width * 0.1}
            width={width * 0.8}
            y={40 - heightOf(calls)}
            height={heightOf(calls)}
            className="fill-(--outcome-allowed)"
          />
        ))}
        {baseline !== undefined && (
          <line
            x1={0}
            x2={100}
            y1={40 - heightOf(baseline)}
            y2={40 - heightOf(baseline)}
            className="stroke-(--ink-2)"
            strokeDasharray="4 3"
            vectorEffect="non-scaling-stroke"
          />
        )}
      </svg>
      <details className="mt-1 text-xs">
        <summary className="text-ink-2">
          The newest {hours.length} active hours as a table
          {baseline === undefined ? '' : '; the dashed line is what is usual'}
        </summary>
        <table className="mt-2 w-full tabular-nums">
          <thead>
            <tr className="border-b border-line text-left text-ink-3">
              <th scope="col" className="py-1 font-medium">
                Hour, UTC
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Calls
              </th>
            </tr>
          </thead>
          <tbody>
            {[...hours].reverse().map(({ at, calls }) => (
              <tr key={at} className="border-b border-line last:border-b-0">
                <th scope="row" className="py-1 text-left font-normal">
                  {at.slice(0, 16).replace('T', ' ')}
                </th>
                <td className="py-1 text-right">{calls}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}

interface ThrottledProps {
  readonly agent: Agent;
  readonly throttle: NonNullable<AgentVolume['throttle']>;
}

function Throttled({ agent, throttle }: ThrottledProps) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const change = useChange('agents.unthrottle', ['agents.volume', 'overview']);
  return (
    <div role="status" className="space-y-3 border-l-2 border-accent pl-3">
      <p>It is {throttleWords(throttle)}.</p>
      {!open && <Button onClick={() => setOpen(true)}>Lift the throttle…</Button>}
      {open && (
        <>
          <TextField
            label="Why"
            required
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
          <Presence
            verb="Lift the throttle"
            disabled={reason.trim() === ''}
            says={`${agent.name} calls as its limits allow again, for the rest of this hour.`}
            subject={async () => ({
              kind: 'level',
              id: agent.id,
              digest: await boundDigestOf(
                unthrottleShownText({ agentId: agent.id, since: throttle.since, reason }),
              ),
            })}
            onToken={async (presence) => {
              await change.mutateAsync({
                params: { id: agent.id },
                body: { reason: reason.trim(), presence },
              });
            }}
          />
        </>
      )}
    </div>
  );
}
