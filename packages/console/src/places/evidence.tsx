/** Can I prove it? The log's head, and the 25 requirements, honestly. Made to be printed. */
import type { ConformanceRow, WitnessingView } from '@atf/core/wire/api';
import { alarmingWitnessStates, type WitnessState, witnessStateWords } from '@atf/core/wire/witness-words';
import { levels } from '@atf/core/wire/words';
import { useAnswer } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { Icon, type IconName } from '../parts/icons.tsx';
import { levelNames } from '../parts/level.tsx';
import { Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { Copy, ShortId } from '../parts/short-id.tsx';
import { exactUtc, useNowMs } from '../parts/time.tsx';

const everyMs = 5_000;

export function Evidence() {
  const now = useNowMs();
  return (
    <Page
      title="Evidence"
      sub={<span className="hidden print:inline">Printed {exactUtc(new Date(now).toISOString())}</span>}
      actions={
        <Button onClick={() => print()}>
          <Icon name="print" /> Print
        </Button>
      }
    >
      <div className="space-y-4">
        <LogPanel />
        <ConformancePanel />
      </div>
    </Page>
  );
}

function LogPanel() {
  const audit = useAnswer('audit.status', {}, { everyMs });
  return (
    <Panel title="Log of all records" className="keep-together">
      <Shown answer={audit} lines={5}>
        {(status) => (
          <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
            <Facts
              facts={[
                {
                  name: 'Records',
                  value: <span className="font-medium tabular-nums">{status.size.toLocaleString('en')}</span>,
                },
                {
                  name: 'On their way',
                  value: <span className="tabular-nums">{status.pending.toLocaleString('en')}</span>,
                },
                ...(status.witnessing === undefined
                  ? []
                  : [{ name: 'Witnesses', value: <Witnesses now={status.witnessing} /> }]),
                { name: 'Root hash', value: <ShortId id={status.rootHash} what="root hash" /> },
                {
                  name: 'Verifier key',
                  value: (
                    <span className="inline-flex items-center gap-0.5">
                      <code className="[overflow-wrap:anywhere]">{status.vkey}</code>
                      <Copy text={status.vkey} what="verifier key" />
                    </span>
                  ),
                },
                {
                  name: 'Check it',
                  value: (
                    <>
                      <code>atf audit verify</code>{' '}
                      <span className="text-ink-3">reads every tile and needs nothing from this page</span>
                    </>
                  ),
                },
              ]}
            />
            <div>
              <p className="mb-1 flex items-center gap-1 text-xs text-ink-3">
                Newest signed checkpoint <Copy text={status.checkpoint} what="checkpoint" />
              </p>
              <ScrollBox
                label="Newest signed checkpoint"
                className="rounded-md bg-sunken p-2 print:border print:border-line"
              >
                <pre className="text-xs break-all whitespace-pre-wrap">
                  {status.checkpoint === '' ? 'None is signed yet.' : status.checkpoint}
                </pre>
              </ScrollBox>
            </div>
          </div>
        )}
      </Shown>
    </Panel>
  );
}

/** What says that the log, or a witness, is not what it was is loud. */
function witnessMark(state: WitnessState): { readonly icon: IconName; readonly look: string } {
  if (alarmingWitnessStates.has(state)) return { icon: 'refused', look: 'text-(--outcome-refused)' };
  return state === 'cosigned'
    ? { icon: 'allowed', look: 'text-(--outcome-allowed)' }
    : { icon: 'waiting', look: 'text-(--outcome-waiting)' };
}

/** How the outside witnesses stand. */
function Witnesses({ now }: { readonly now: WitnessingView }) {
  return (
    <div className="space-y-0.5">
      <p>
        <span className="tabular-nums">{now.size.toLocaleString('en')}</span> records are cosigned by a quorum
        {now.at !== undefined && <span className="text-ink-3"> ({exactUtc(now.at)})</span>}
      </p>
      {now.lacks !== '' && <p>The newest are not: {now.lacks}</p>}
      <ul className="space-y-0.5">
        {now.witnesses.map(({ name, state, since }) => (
          <li key={name} className="flex items-start gap-1.5">
            <Icon name={witnessMark(state).icon} className={`mt-0.5 ${witnessMark(state).look}`} />
            <span className="[overflow-wrap:anywhere]">
              {name} {witnessStateWords[state]}
              {since !== undefined && <span className="text-ink-3"> since {exactUtc(since)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const statuses: Record<
  ConformanceRow['status'],
  { readonly icon: IconName; readonly word: string; readonly look: string }
> = {
  proved: { icon: 'allowed', word: 'Proved', look: 'text-(--outcome-allowed)' },
  partly: { icon: 'waiting', word: 'Partly', look: 'text-(--outcome-waiting)' },
  not_yet: { icon: 'refused', word: 'Not yet', look: 'text-(--outcome-refused)' },
};

const elements = ['Identity', 'Behavior', 'Data', 'Segmentation', 'Incident response'] as const;

function StatusMark({ status }: { readonly status: ConformanceRow['status'] }) {
  const { icon, word, look } = statuses[status];
  return (
    <span className="inline-flex items-center gap-1.5 align-bottom whitespace-nowrap">
      <Icon name={icon} className={look} /> {word}
    </span>
  );
}

function ConformancePanel() {
  const conformance = useAnswer('conformance', {});
  return (
    <Panel
      title="Conformance with the 25 requirements"
      aside={
        conformance.data === undefined
          ? undefined
          : `${conformance.data.counts.proved} proved, ${conformance.data.counts.partly} partly, ${conformance.data.counts.not_yet} not yet`
      }
      flush
    >
      <Shown answer={conformance} lines={12}>
        {({ items }) => (
          <table className="w-full">
            <thead className="border-b border-line max-md:sr-only">
              <tr className="text-left text-xs text-ink-3">
                <th scope="col" className="px-4 py-2 font-medium">
                  Requirement
                </th>
                <th scope="col" className="px-2 py-2 font-medium">
                  State
                </th>
                <th scope="col" className="px-2 py-2 font-medium">
                  What is there, what is missing
                </th>
                <th scope="col" className="px-4 py-2 font-medium">
                  Binds
                </th>
              </tr>
            </thead>
            {elements.map((element) => (
              <ElementRows
                key={element}
                element={element}
                rows={items.filter((row) => row.element === element)}
              />
            ))}
          </table>
        )}
      </Shown>
    </Panel>
  );
}

function ElementRows({
  element,
  rows,
}: {
  readonly element: string;
  readonly rows: readonly ConformanceRow[];
}) {
  return (
    <tbody>
      <tr className="border-b border-line bg-sunken">
        <th scope="rowgroup" colSpan={4} className="px-4 py-1.5 text-left text-xs font-semibold max-md:block">
          {element}
        </th>
      </tr>
      {rows.map((row) => (
        <tr
          key={row.id}
          id={row.id}
          className="border-b border-line align-top last:border-b-0 target:bg-accent-soft max-md:grid max-md:grid-cols-[minmax(0,1fr)_auto] max-md:py-2"
        >
          <th scope="row" className="px-4 py-2 text-left font-medium max-md:py-0.5">
            <a href={`#${row.id}`} className="tabular-nums hover:underline">
              {row.id}
            </a>{' '}
            <span className="font-normal">{row.name}</span>
          </th>
          <td className="px-2 py-2 max-md:px-4 max-md:py-0.5">
            <StatusMark status={row.status} />
          </td>
          <td className="px-2 py-2 text-ink-2 max-md:col-span-2 max-md:px-4 max-md:py-0.5">
            {row.says}
            {row.tests.length > 0 && (
              <details className="mt-1 text-xs print:hidden">
                <summary className="text-ink-2">
                  {row.tests.length} {row.tests.length === 1 ? 'test' : 'tests'}
                </summary>
                <ul className="mt-1 space-y-0.5">
                  {row.tests.map((test) => (
                    <li key={test}>
                      <code className="[overflow-wrap:anywhere]">{test}</code>
                    </li>
                  ))}
                </ul>
              </details>
            )}
          </td>
          <td className="px-4 py-2 text-xs whitespace-nowrap text-ink-3 max-md:col-span-2 max-md:py-0.5">
            {bindsWords(row)}
          </td>
        </tr>
      ))}
    </tbody>
  );
}

/** `MUST from Junior`: the lowest level where it binds, and what it is below. */
function bindsWords({ binds }: ConformanceRow): string {
  const from = levels.find((level) => binds[level] === 'MUST');
  if (from === 'intern') return 'MUST at every level';
  return from === undefined ? 'never a MUST' : `MUST from ${levelNames[from]}`;
}
