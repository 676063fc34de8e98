/**
 * The stop (R-2): the one modal of the console, because it is the one danger. Opening it is the first action; every row says what
 * will stop, and its button is the second. It answers with what did stop, and how fast. Stopping needs no presence; resuming does.
 */
import { containmentKey } from '@atf/core/incident/scope-id';
import type { StopReport } from '@atf/core/wire/api';
import type { Scope } from '@atf/core/wire/words';
import { Link } from '@tanstack/react-router';
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { Icon } from '../parts/icons.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { FaultNote, Loading } from '../parts/panel.tsx';
import { durationWords, ExactTime } from '../parts/time.tsx';
import { sameScope, type StopTarget, stopTargets } from './stop-targets.ts';

interface StopControl {
  /** Opens the dialog; with a scope, that target stands first and alone until others are asked for. */
  open(scope?: Scope): void;
}

const StopContext = createContext<StopControl>({ open: () => undefined });
export const useStop = (): StopControl => useContext(StopContext);

export function StopProvider({ children }: { readonly children: ReactNode }) {
  const [asked, setAsked] = useState<{ readonly scope: Scope | undefined; readonly at: number }>();
  const open = useCallback((scope?: Scope) => setAsked({ scope, at: performance.now() }), []);
  const value = useMemo(() => ({ open }), [open]);
  return (
    <StopContext value={value}>
      {children}
      {asked !== undefined && (
        <StopDialog key={asked.at} first={asked.scope} onClose={() => setAsked(undefined)} />
      )}
    </StopContext>
  );
}

type StopState = 'killed' | 'paused';
/** What a graceful stop from here gives calls under way. */
const graceSeconds = 30;
const rowsMax = 60;

function StopDialog({ first, onClose }: { readonly first: Scope | undefined; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [report, setReport] = useState<StopReport>();
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="stop-title"
      onClose={onClose}
      className="m-auto max-h-[min(44rem,calc(100dvh-2rem))] w-[min(42rem,calc(100vw-1rem))] overflow-hidden rounded-xl border border-danger/60 bg-panel text-ink shadow-2xl backdrop:bg-black/55 open:flex open:flex-col"
    >
      <div className="flex items-center justify-between border-b border-line px-4 py-3">
        <h2 id="stop-title" className="flex items-center gap-2 text-lg font-semibold text-danger">
          <Icon name="stopped" className="size-5" /> {report === undefined ? 'Stop' : 'Stopped'}
        </h2>
        <Button look="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </Button>
      </div>
      {report === undefined ? (
        <StopChoice first={first} onReport={setReport} />
      ) : (
        <StopResult report={report} onClose={() => dialog.current?.close()} />
      )}
    </dialog>
  );
}

interface ChoiceProps {
  readonly first: Scope | undefined;
  readonly onReport: (report: StopReport) => void;
}

function StopChoice({ first, onReport }: ChoiceProps) {
  const agents = useAnswer('agents.list', {});
  const tools = useAnswer('tools.list', {});
  const containments = useAnswer('containment.list', {});
  const me = useAnswer('people.me', {});
  const stop = useChange('containment.stop', [
    'containment.list',
    'agents.list',
    'agents.show',
    'overview',
    'approvals.list',
  ]);
  const [state, setState] = useState<StopState>('killed');
  const [graceful, setGraceful] = useState(false);
  const [find, setFind] = useState('');
  const [reason, setReason] = useState('');
  const targets = useMemo(
    () =>
      stopTargets(
        agents.data?.items ?? [],
        tools.data?.items ?? [],
        // What one host stops is not stopped everywhere.
        (containments.data?.items ?? []).filter(({ gateway }) => gateway === undefined),
        first,
      ),
    [agents.data, tools.data, containments.data, first],
  );
  const asked = first === undefined ? undefined : targets.find(({ scope }) => sameScope(scope, first));
  const words = find.trim().toLowerCase();
  const others = targets.filter(
    (target) => target !== asked && `${target.kind} ${target.name}`.toLowerCase().includes(words),
  );
  const usual = `Stopped from the console by ${me.data?.person.name ?? 'a person'}`;
  const act = (target: StopTarget) =>
    stop.mutate(
      {
        body: {
          scope: target.scope,
          state,
          reason: reason.trim() === '' ? usual : reason.trim(),
          ...(graceful ? { graceSeconds } : {}),
        },
      },
      { onSuccess: onReport },
    );
  const row = (target: StopTarget, large: boolean) => (
    <StopRow
      key={containmentKey(target.scope)}
      target={target}
      state={state}
      large={large}
      busy={stop.isPending}
      onStop={act}
    />
  );
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="space-y-3 border-b border-line px-4 py-3">
        <fieldset className="flex flex-wrap gap-x-6 gap-y-1">
          <legend className="sr-only">How</legend>
          <StopKind
            value="killed"
            now={state}
            set={setState}
            name="Kill"
            says="approvals and credentials void: instances enrol anew"
          />
          <StopKind
            value="paused"
            now={state}
            set={setState}
            name="Pause"
            says="approvals void; credentials stay valid"
          />
        </fieldset>
        <label className="flex items-baseline gap-2">
          <input
            type="checkbox"
            checked={graceful}
            onChange={(event) => setGraceful(event.target.checked)}
            className="translate-y-0.5 accent-(--danger-fill)"
          />
          <span>
            Let calls under way end{' '}
            <span className="text-ink-3">
              {graceful
                ? `for ${graceSeconds} seconds at most; nothing begins meanwhile`
                : 'off: they are cut at once'}
            </span>
          </span>
        </label>
        <TextField
          label="Reason, for the record"
          placeholder={usual}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {stop.error !== null && <FaultNote error={stop.error} />}
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto">
        {asked !== undefined && <ul>{row(asked, true)}</ul>}
        <div className="sticky top-0 z-10 border-y border-line bg-panel px-4 py-2">
          <TextField
            label={asked === undefined ? 'Find what to stop' : 'Or something else'}
            value={find}
            onChange={(event) => setFind(event.target.value)}
          />
        </div>
        {agents.data === undefined && agents.error === null && <Loading />}
        {agents.error !== null && (
          <div className="p-4">
            <FaultNote error={agents.error} retry={() => void agents.refetch()} />
          </div>
        )}
        <ul>{others.slice(0, rowsMax).map((target) => row(target, false))}</ul>
        {others.length > rowsMax && (
          <p className="px-4 py-2 text-ink-3">{others.length - rowsMax} more; type to find them.</p>
        )}
      </div>
    </div>
  );
}

interface KindProps {
  readonly value: StopState;
  readonly now: StopState;
  readonly set: (state: StopState) => void;
  readonly name: string;
  readonly says: string;
}

function StopKind({ value, now, set, name, says }: KindProps) {
  return (
    <label className="inline-flex items-baseline gap-2">
      <input
        type="radio"
        name="stop-kind"
        checked={now === value}
        onChange={() => set(value)}
        className="translate-y-0.5 accent-(--danger-fill)"
      />
      <span>
        <span className="font-medium">{name}</span> <span className="text-ink-3">{says}</span>
      </span>
    </label>
  );
}

interface RowProps {
  readonly target: StopTarget;
  readonly state: StopState;
  readonly large: boolean;
  readonly busy: boolean;
  readonly onStop: (target: StopTarget) => void;
}

function StopRow({ target, state, large, busy, onStop }: RowProps) {
  const verb = state === 'killed' ? 'Kill' : 'Pause';
  return (
    <li
      className={`flex flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-line px-4 last:border-b-0 ${large ? 'bg-danger-soft py-4' : 'py-2'}`}
    >
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-center gap-x-2">
          <span className={`[overflow-wrap:anywhere] ${large ? 'text-lg font-semibold' : 'font-medium'}`}>
            {target.name}
          </span>
          <span className="text-xs text-ink-3">{target.kind}</span>
          {target.already !== undefined && <StateMark state={target.already} />}
        </p>
        <p className="text-ink-2">{target.says}</p>
      </div>
      {target.already !== state && (
        <Button
          look={large ? 'danger' : 'danger-outline'}
          size={large ? 'lg' : 'md'}
          busy={busy}
          aria-label={`${verb} ${target.name}`}
          onClick={() => onStop(target)}
        >
          {large ? `${verb} ${target.name}` : verb}
        </Button>
      )}
    </li>
  );
}

/** What did stop, and how fast. */
function StopResult({ report, onClose }: { readonly report: StopReport; readonly onClose: () => void }) {
  const { gateways, agents } = report;
  const all = gateways.confirmed === gateways.connected && gateways.connected > 0;
  return (
    <div role="status" className="space-y-4 overflow-y-auto p-4">
      <p className="text-lg">
        <span className="font-semibold">{report.state === 'killed' ? 'Killed' : 'Paused'}</span> in{' '}
        <span className="font-semibold tabular-nums">{durationWords(report.tookMs)}</span>, from the request
        to the last gateway's confirmation.
      </p>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        <dt className="text-ink-3">Agents</dt>
        <dd>{agents.length === 0 ? 'none is concerned' : agents.join(', ')}</dd>
        <dt className="text-ink-3">Gateways</dt>
        <dd className={all ? '' : 'font-medium text-danger'}>
          {gateways.confirmed} of {gateways.connected} confirmed
          {!all && '; a gateway that does not hear from control refuses everything within 0.8 s'}
        </dd>
        {report.drainUntil === undefined ? (
          <>
            <dt className="text-ink-3">Calls cut</dt>
            <dd className="tabular-nums">{report.callsAborted}</dd>
          </>
        ) : (
          <>
            <dt className="text-ink-3">Calls that may end</dt>
            <dd className="tabular-nums">
              {report.callsRunning ?? 0}, until <ExactTime at={report.drainUntil} /> at the latest; what is
              left is cut then
            </dd>
          </>
        )}
        <dt className="text-ink-3">Approvals voided</dt>
        <dd className="tabular-nums">{report.approvalsVoided}</dd>
      </dl>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" autoFocus onClick={onClose}>
          Close
        </Button>
        <Link
          to="/stopped"
          onClick={onClose}
          className="inline-flex h-8 items-center px-2 text-accent underline max-md:h-10"
        >
          What is stopped
        </Link>
      </div>
    </div>
  );
}
