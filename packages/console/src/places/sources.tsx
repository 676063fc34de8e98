/** Where agents read from: retrieval sources by index with their trust, who may bring indexes together, and how far inputs have drifted. */
import { trustWords } from '@atf/core/data/source-trust';
import { type DriftItem, type InputDimension, inputDimensions, inputWords } from '@atf/core/wire/drift';
import { type BlendView, placeWords, type SourceView } from '@atf/core/wire/retrieval';
import { Link } from '@tanstack/react-router';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { DataTable, type ListColumn } from '../parts/data-table.tsx';
import { Icon } from '../parts/icons.tsx';
import { Empty, FaultNote, Page, Panel, Shown } from '../parts/panel.tsx';
import { ToolLink } from '../parts/rights-table.tsx';
import { Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 15_000;
const addCommand = 'npx atf source add SERVER/TOOL --index NAME --sensitivity internal --output untrusted';

export function Sources() {
  const sources = useAnswer('sources.list', {}, { everyMs });
  const drift = useAnswer('drift.list', {}, { everyMs });
  return (
    <Page
      title="Sources"
      sub="Where agents read from, how far each source is trusted, and whether what it says has changed"
    >
      <div className="space-y-4">
        <Panel title="Retrieval sources" aside="one index per level; an agent reads from one" flush>
          <Shown answer={sources} lines={6}>
            {({ items, trustedFrom, blends }) =>
              items.length === 0 ? (
                <Empty command={addCommand}>No retrieval sources are registered.</Empty>
              ) : (
                <>
                  <Indexes sources={items} trustedFrom={trustedFrom} />
                  <Blends blends={blends} />
                </>
              )
            }
          </Shown>
        </Panel>
        <Panel title="Drift" aside="the newest hours beside the seven days before" flush>
          <Shown answer={drift} lines={6}>
            {({ items, threshold, more }) => (
              <DataTable
                label="Drift of inputs"
                rows={items}
                columns={columns}
                rowId={({ agentId, tool }) => `${agentId} ${tool}`}
                empty={<Empty>No agent has read anything in the last seven days.</Empty>}
                foot={
                  items.length > 0 && (
                    <p className="border-t border-line px-4 py-2 text-xs text-ink-2">
                      <span className="max-lg:hidden">
                        A bar is as long as the two differ: from 0, alike, to 1, nothing in common.
                      </span>{' '}
                      Above {threshold} people are told, once.
                      {more ? ' There are more sources than are shown.' : ''}
                    </p>
                  )
                }
              />
            )}
          </Shown>
        </Panel>
      </div>
    </Page>
  );
}

interface IndexesProps {
  readonly sources: readonly SourceView[];
  readonly trustedFrom: number;
}

function Indexes({ sources, trustedFrom }: IndexesProps) {
  const indexes = [...new Set(sources.map(({ index }) => index))];
  return indexes.map((index) => {
    const of = sources.filter((source) => source.index === index);
    const [{ confidentiality, integrity, categories } = {} as SourceView] = of;
    return (
      <section
        key={index}
        aria-label={`Index ${index}`}
        className="border-b border-line px-4 py-3 last:border-b-0"
      >
        <h3 className="font-semibold [overflow-wrap:anywhere]">
          {index}{' '}
          <span className="text-xs font-normal text-ink-2">
            {[confidentiality, integrity, ...categories].join(', ')}
          </span>
        </h3>
        <ul>
          {of.map((source) => (
            <Source key={placeWords(source)} source={source} trustedFrom={trustedFrom} />
          ))}
        </ul>
      </section>
    );
  });
}

function Source({ source, trustedFrom }: { readonly source: SourceView; readonly trustedFrom: number }) {
  const { tool, address, when, trust, reasons, unfit, since, by } = source;
  const doubted = trust < trustedFrom;
  return (
    <li className="mt-2 grid grid-cols-1 gap-x-6 gap-y-1 sm:grid-cols-[minmax(0,1fr)_minmax(0,1.4fr)]">
      <div className="min-w-0 [overflow-wrap:anywhere]">
        <ToolLink tool={tool} />
        {address !== undefined && (
          <>
            {' at '}
            <UntrustedText text={address} />
          </>
        )}
        {when !== undefined && (
          <>
            {' where '}
            <UntrustedText text={when.argument} />
            {' is '}
            <UntrustedText text={when.value} />
          </>
        )}
        <span className="block text-xs text-ink-2">
          registered by {by}, <Time at={since} />
        </span>
      </div>
      <div className="min-w-0">
        <div className="flex items-center gap-2">
          <meter
            className="h-2 w-32"
            aria-label={`Trust of ${placeWords(source)}, of 100`}
            min={0}
            max={100}
            low={trustedFrom}
            optimum={100}
            value={trust}
          />
          <span className={`tabular-nums ${doubted ? 'font-medium text-danger' : ''}`}>{trust} of 100</span>
        </div>
        {doubted && (
          <p className="text-sm">Below {trustedFrom}: what it answers counts as written by anybody.</p>
        )}
        {unfit === true && (
          <p className="text-sm">
            <Icon name="refused" className="text-danger" /> Classified higher than its index: nothing is read
            from it.
          </p>
        )}
        {reasons.length > 0 && (
          <ul className="text-xs text-ink-2">
            {reasons.map((reason) => (
              <li key={reason.because}>{trustWords(reason)}</li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

function Blends({ blends }: { readonly blends: readonly BlendView[] }) {
  const part = useChange('sources.part', ['sources.list']);
  if (blends.length === 0) return null;
  return (
    <section aria-label="Agents that may bring indexes together" className="border-t border-line px-4 py-3">
      <h3 className="font-semibold">May bring indexes together</h3>
      <ul>
        {blends.map(({ id, agent, agentId, indexes, until, over }) => (
          <li key={id} className="mt-2 flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
            <span className="min-w-0 [overflow-wrap:anywhere]">
              <Link to="/agents/$id" params={{ id: agent }} className="text-accent underline">
                {agent}
              </Link>
              : {indexes.join(', ')}; {over === true ? 'over since' : 'until'} <Time at={until} />
            </span>
            {over !== true && (
              <Button
                disabled={part.isPending}
                onClick={() => part.mutate({ params: { id: agentId, grant: id } })}
              >
                End the grant of {agent} now
              </Button>
            )}
          </li>
        ))}
      </ul>
      {part.error !== null && <FaultNote error={part.error} />}
    </section>
  );
}

const columns: readonly ListColumn<DriftItem>[] = [
  {
    id: 'agent',
    title: 'Agent',
    width: 'minmax(8rem,1fr)',
    sort: ({ agent }) => agent,
    cell: ({ agent, tool }) => (
      <Link to="/agents/$id" params={{ id: agent }} className="font-medium hover:underline">
        {agent}
        <span className="block truncate text-xs font-normal text-ink-2">
          from <UntrustedText text={tool} />
        </span>
      </Link>
    ),
  },
  {
    id: 'state',
    title: 'State',
    width: 'minmax(7rem,1fr)',
    cell: ({ drifted, divergence }) =>
      drifted === undefined ? (
        <span className="text-ink-2">{divergence === undefined ? 'too few to compare' : 'as before'}</span>
      ) : (
        <span className="font-medium text-danger">
          drifted since <Time at={drifted.since} />
          <span className="block truncate text-xs font-normal">
            in {drifted.in.map((of) => inputWords[of as InputDimension] ?? of).join(', ')}
          </span>
        </span>
      ),
  },
  ...inputDimensions.map(
    (of): ListColumn<DriftItem> => ({
      id: of,
      title: `${inputWords[of].charAt(0).toUpperCase()}${inputWords[of].slice(1)}`,
      width: '4rem',
      narrow: 'hide',
      sort: ({ divergence }) => divergence?.[of] ?? -1,
      cell: ({ divergence }) =>
        divergence === undefined ? (
          '–'
        ) : (
          <span className="tabular-nums">
            {divergence[of].toFixed(2)}
            <span className="block h-1 bg-sunken" aria-hidden="true">
              <span
                className="block h-1 bg-(--outcome-allowed)"
                style={{ width: `${divergence[of] * 100}%` }}
              />
            </span>
          </span>
        ),
    }),
  ),
  {
    id: 'results',
    title: 'Results',
    width: '5.5rem',
    narrow: 'hide',
    align: 'right',
    cell: ({ results, reference }) => `${results} / ${reference}`,
  },
];
