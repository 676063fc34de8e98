/** A candidate beside the set in force: started and ended here, with what gateways have counted. It decides nothing. */
import type { Shadow } from '@atf/core/wire/shadow';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { ChangeBars, ChangeTables, whole } from '../parts/change-counts.tsx';
import { FaultNote, Panel, Shown } from '../parts/panel.tsx';
import { ExactTime, Time } from '../parts/time.tsx';
import { useMayTry } from './backtest-panel.tsx';

const everyMs = 2_000;

export function ShadowPanel({
  candidate,
  startable,
}: {
  readonly candidate: string;
  readonly startable: boolean;
}) {
  const may = useMayTry();
  const shown = useAnswer('shadow.show', {}, { everyMs });
  const start = useChange('shadow.start', ['shadow.show']);
  const stop = useChange('shadow.stop', ['shadow.show']);
  const shadow = shown.data?.shadow;
  const mine = shadow?.candidate === candidate ? shadow : undefined;
  const runs = shadow?.state === 'running';
  return (
    <Panel title="In the shadow" aside="asked beside the set in force; it decides nothing">
      <div className="space-y-4">
        {may && startable && !runs && (
          <Button busy={start.isPending} onClick={() => start.mutate({ body: { candidate } })}>
            Start the shadow
          </Button>
        )}
        {may && mine?.state === 'running' && (
          <Button busy={stop.isPending} onClick={() => stop.mutate({})}>
            End the shadow
          </Button>
        )}
        {start.error !== null && <FaultNote error={start.error} />}
        {stop.error !== null && <FaultNote error={stop.error} />}
        <Shown answer={shown} lines={2}>
          {() =>
            mine === undefined ? (
              <p>
                {runs
                  ? 'Another candidate is in the shadow.'
                  : 'This candidate was not in the shadow lately.'}
              </p>
            ) : (
              <Counted shadow={mine} />
            )
          }
        </Shown>
      </div>
    </Panel>
  );
}

const stands: Readonly<Record<Shadow['state'], string>> = {
  running: 'It runs',
  stopped: 'It was ended',
  over: 'Its time has passed',
  overtaken: 'It has ended, because another version came into force',
};

function Counted({ shadow }: { readonly shadow: Shadow }) {
  const { state, startedAt, endsAt, gateways, heardAt, compared, changed, skipped, failed, counts } = shadow;
  return (
    <div className="space-y-4">
      <p role="status">
        {stands[state]}: since <ExactTime at={startedAt} />, until <ExactTime at={endsAt} />.{' '}
        <strong className="tabular-nums">{whole(changed)}</strong> of {whole(compared)} decisions would have
        been others
        <span className="text-ink-3">
          {' '}
          ({gateways} gateway {gateways === 1 ? 'process' : 'processes'}
          {heardAt !== undefined && (
            <>
              , heard <Time at={heardAt} />
            </>
          )}
          )
        </span>
      </p>
      {(skipped > 0 || failed > 0) && (
        <p className="text-ink-2">
          {whole(skipped)} were not compared, so that calls did not wait; {whole(failed)} could not be.
        </p>
      )}
      {counts.length > 0 && (
        <>
          <ChangeBars counts={counts} />
          <ChangeTables of="Shadow" {...shadow} />
        </>
      )}
    </div>
  );
}
