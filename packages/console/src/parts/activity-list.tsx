/**
 * The live list of what happens. New lines come in at the top while nobody reads: a pointer over the list, a focused row, a scrolled
 * page or the pause button hold them back, and a line of fixed height says how many wait. Older lines come by cursor.
 */
import type { ActivityItem, QueryIn } from '@atf/core/wire/api';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { call } from '../control/client.ts';
import { useLive } from '../control/live.tsx';
import type { LiveState } from '../control/live-activity.ts';
import { usePages } from '../control/queries.ts';
import { allColumns, ownColumns } from './activity-columns.tsx';
import { Button } from './button.tsx';
import { DataTable } from './data-table.tsx';
import { Icon } from './icons.tsx';
import { MorePages, useNextPage } from './more-pages.tsx';
import { Empty, FaultNote, Loading } from './panel.tsx';

export interface ActivityFilter {
  readonly agent?: string;
  readonly outcome?: string;
  /** Words that must occur in what is loaded. */
  readonly find?: string;
}

const pageItems = 100;
/** Lines held back or kept live beside the loaded pages. */
const liveItemsMax = 2_000;
/** A page scrolled further than this is being read. */
const readingScrollPx = 120;

function fits(item: ActivityItem, { agent, outcome, find }: ActivityFilter): boolean {
  if (agent !== undefined && item.agent !== agent && item.agentId !== agent) return false;
  if (outcome !== undefined && item.outcome !== outcome) return false;
  if (find === undefined) return true;
  const text = [
    item.type,
    item.agent,
    item.tool,
    item.class,
    item.code,
    item.person,
    item.summary,
    item.actionId,
  ]
    .join(' ')
    .toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function useActivityPages({ agent, outcome }: ActivityFilter) {
  const filter = {
    ...(agent === undefined ? {} : { agent }),
    ...(outcome === undefined ? {} : { outcome }),
  };
  return usePages(
    ['activity.list', filter],
    (before, signal) => {
      const query: QueryIn<'activity.list'> = {
        limit: pageItems,
        ...filter,
        ...(before === undefined ? {} : { before }),
      };
      return call('activity.list', { query }, signal);
    },
    { pageItems, cursorOf: ({ cursor }) => cursor, live: true },
  );
}

/** Live lines in front of loaded ones; the same line (by cursor) once. */
function useLines(filter: ActivityFilter, paused: boolean, reading: () => boolean) {
  const pages = useActivityPages(filter);
  const live = useLive();
  const [shown, setShown] = useState<readonly ActivityItem[]>([]);
  const [held, setHeld] = useState<readonly ActivityItem[]>([]);
  const { agent, outcome } = filter;
  const hold = useRef(false);
  hold.current = paused;

  useEffect(() => {
    setShown([]);
    setHeld([]);
    return live.subscribe((item) => {
      if (
        !fits(item, {
          ...(agent === undefined ? {} : { agent }),
          ...(outcome === undefined ? {} : { outcome }),
        })
      )
        return;
      const add = (list: readonly ActivityItem[]) => [item, ...list].slice(0, liveItemsMax);
      if (hold.current || reading()) setHeld(add);
      else setShown(add);
    });
  }, [live.subscribe, agent, outcome, reading]);

  // Pages that were asked again hold what came live: only newer lines stay in front.
  const lines = useMemo(() => {
    const seen = new Set<string>();
    const all: ActivityItem[] = [];
    for (const item of [...shown, ...(pages.data?.pages.flatMap(({ items }) => items) ?? [])]) {
      if (seen.has(item.cursor)) continue;
      seen.add(item.cursor);
      if (fits(item, { ...(filter.find === undefined ? {} : { find: filter.find }) })) all.push(item);
    }
    return { all, loaded: seen.size };
  }, [shown, pages.data, filter.find]);

  const release = useCallback(() => {
    setShown((list) => [...held, ...list].slice(0, liveItemsMax));
    setHeld([]);
  }, [held]);
  return {
    pages,
    lines: lines.all,
    loaded: lines.loaded,
    heldCount: held.length,
    release,
    live,
  };
}

export function ActivityList({ filter, label }: { readonly filter: ActivityFilter; readonly label: string }) {
  const navigate = useNavigate();
  const [paused, setPaused] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const inside = useRef(false);
  const reading = useCallback(
    () =>
      inside.current ||
      window.scrollY > readingScrollPx ||
      (box.current?.querySelector('[role=table]')?.contains(document.activeElement) ?? false),
    [],
  );
  const { pages, lines, loaded, heldCount, release, live } = useLines(filter, paused, reading);
  const columns = filter.agent === undefined ? allColumns : ownColumns;
  const onEnd = useNextPage(pages);
  return (
    <div
      ref={box}
      onPointerEnter={() => {
        inside.current = true;
      }}
      onPointerLeave={() => {
        inside.current = false;
      }}
    >
      <ListBar
        paused={paused}
        live={live.state}
        heldCount={heldCount}
        onPause={() => {
          if (paused) release();
          setPaused(!paused);
        }}
        onShow={() => {
          window.scrollTo({ top: 0 });
          release();
        }}
      >
        {filter.find !== undefined && `${lines.length} of ${loaded} loaded`}
      </ListBar>
      {pages.error !== null && (
        <div className="p-4">
          <FaultNote error={pages.error} retry={() => void pages.refetch()} />
        </div>
      )}
      {pages.data === undefined && pages.error === null ? (
        <Loading lines={8} />
      ) : (
        <DataTable
          label={label}
          rows={lines}
          columns={columns}
          rowId={(item) => item.cursor}
          onOpen={(item) => {
            if (item.actionId !== undefined)
              void navigate({ to: '/activity/$id', params: { id: item.actionId } });
          }}
          onEnd={onEnd}
          empty={
            filter.outcome !== undefined || filter.find !== undefined ? (
              <Empty>Nothing that is loaded fits these filters.</Empty>
            ) : (
              <Empty command="npm run demo">Nothing has happened yet. The demo lets four agents work.</Empty>
            )
          }
          foot={<MorePages pages={pages} what="lines" />}
        />
      )}
    </div>
  );
}

interface BarProps {
  readonly paused: boolean;
  readonly live: LiveState;
  readonly heldCount: number;
  readonly onPause: () => void;
  readonly onShow: () => void;
  readonly children: ReactNode;
}

/** Always of the same height: what waits behind it moves nothing. */
function ListBar({ paused, live, heldCount, onPause, onShow, children }: BarProps) {
  const stale = live === 'stale';
  const words = stale ? 'Stale: the stream broke, trying again' : live === 'live' ? 'Live' : 'Not live yet';
  return (
    <div className="flex h-11 items-center gap-3 border-b border-line px-4 text-xs text-ink-2">
      <Button look="quiet" className="-ml-3 !h-8" aria-pressed={paused} onClick={onPause}>
        <Icon name={paused ? 'play' : 'pause'} /> {paused ? 'Go on' : 'Pause'}
      </Button>
      <span role="status" className={`truncate ${stale ? 'font-medium text-danger' : ''}`}>
        {paused && !stale ? 'Paused' : words}
      </span>
      <span className="flex-1" />
      {heldCount > 0 && (
        <Button className="!h-8" onClick={onShow}>
          Show {heldCount} new
        </Button>
      )}
      <span className="whitespace-nowrap">{children}</span>
    </div>
  );
}
