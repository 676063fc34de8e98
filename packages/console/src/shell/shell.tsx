/** The frame of every page for a signed-in person: places, the live state, the stop, the mark of the example workspace. */
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { isRefusal } from '../control/fault.ts';
import { LiveProvider, useLive } from '../control/live.tsx';
import { keepCsrf } from '../control/client.ts';
import { useAnswer } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icons.tsx';
import { FaultNote, Loading } from '../parts/panel.tsx';
import { SignedOut } from '../places/signed-out.tsx';
import { openPalette, Palette } from './palette.tsx';
import { type Place, places } from './places.ts';
import { useShortcuts } from './shortcuts.tsx';
import { StopProvider, useStop } from './stop-dialog.tsx';

/** Between events of the stream, numbers in the frame are asked again on this beat. */
const frameEveryMs = 5_000;

export function Shell() {
  const me = useAnswer('people.me', {});
  if (isRefusal(me.error, 'people.sign_in_required')) return <SignedOut />;
  if (me.data === undefined) {
    return (
      <main className="mx-auto max-w-xl p-6">
        {me.error === null ? <Loading /> : <FaultNote error={me.error} retry={() => void me.refetch()} />}
      </main>
    );
  }
  keepCsrf(me.data);
  return (
    <LiveProvider>
      <StopProvider>
        <Frame name={me.data.person.name} />
      </StopProvider>
    </LiveProvider>
  );
}

function Frame({ name }: { readonly name: string }) {
  useShortcuts();
  const main = useFocusOnArrival();
  const overview = useAnswer('overview', {}, { everyMs: frameEveryMs });
  const counts: Partial<Record<Place['to'], number>> = {
    '/approvals': overview.data?.approvals.waiting ?? 0,
    '/tools': overview.data?.toolsQuarantined ?? 0,
    '/stopped': overview.data?.containments.length ?? 0,
  };
  return (
    <div className="md:grid md:min-h-dvh md:grid-cols-[13rem_minmax(0,1fr)] print:block">
      <a
        href="#main"
        className="sr-only z-50 rounded-md bg-accent-fill px-3 py-2 text-white focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <SideBar counts={counts} />
      <div className="min-w-0">
        <Header name={name} />
        {overview.data?.example === true && <ExampleMark />}
        <main id="main" ref={main} tabIndex={-1} className="outline-none">
          <Outlet />
        </main>
      </div>
      <BottomBar counts={counts} />
      <Palette />
    </div>
  );
}

/** After a jump to another page the focus starts at its content, as it would after a full load. */
function useFocusOnArrival() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [pathname]);
  return main;
}

function ExampleMark() {
  return (
    <aside
      aria-label="Example workspace"
      className="border-b border-line bg-warn-soft px-4 py-1 text-xs text-warn md:px-6 print:border print:px-2"
    >
      <strong>Example workspace</strong>, simulated presence
      <span className="max-sm:hidden">: people, money and data here are invented</span>.
    </aside>
  );
}

function Header({ name }: { readonly name: string }) {
  const stop = useStop();
  const here = useStopHere();
  return (
    <header className="sticky top-0 z-20 flex h-12 items-center gap-2 border-b border-line bg-panel/95 px-4 backdrop-blur-sm md:px-6 print:hidden">
      <Link to="/" className="flex items-center gap-1.5 font-semibold md:hidden" aria-label="ATF, overview">
        <Brand /> ATF
      </Link>
      <button
        type="button"
        onClick={openPalette}
        className="hidden h-8 w-72 items-center gap-2 rounded-md border border-line bg-ground px-2.5 text-sm text-ink-3 hover:border-line-strong md:inline-flex"
      >
        <Icon name="search" /> Find or do
        <kbd className="ml-auto rounded border border-line px-1 text-xs">Ctrl K</kbd>
      </button>
      <div className="flex-1" />
      <LiveMark />
      <Button look="quiet" className="md:hidden" aria-label="Find or do" onClick={openPalette}>
        <Icon name="search" />
      </Button>
      <Button look="danger-outline" onClick={() => stop.open(here)}>
        <Icon name="stopped" /> Stop…
      </Button>
      <Link
        to="/me"
        className="hidden h-8 items-center rounded-md px-2 text-ink-2 hover:bg-sunken md:inline-flex"
      >
        {name}
      </Link>
    </header>
  );
}

/** The page about one tool or agent stops that one first. Agents' pages set it through the address, by name or id. */
function useStopHere() {
  const { pathname } = useLocation();
  const [, place, first, second] = pathname.split('/').map(decodeURIComponent);
  const named = place === 'agents' ? first : undefined;
  // What the page itself asks for: nobody reads a fleet of thousands for the name of one.
  const agent = useAnswer('agents.show', { params: { id: named ?? '' } }, { enabled: named !== undefined });
  if (place === 'tools' && first !== undefined && second !== undefined)
    return { kind: 'tool' as const, id: `${first}/${second}` };
  if (named === undefined || agent.data === undefined) return undefined;
  return { kind: 'agent' as const, id: agent.data.id };
}

const liveWords = {
  connecting: ['Connecting', 'bg-line-strong'],
  live: ['Live', 'bg-(--outcome-allowed)'],
  stale: ['Stale, reconnecting', 'bg-(--outcome-stopped)'],
  resting: ['Resting', 'bg-line-strong'],
  refused: ['Signed out', 'bg-(--outcome-stopped)'],
} as const;

function LiveMark() {
  const { state } = useLive();
  const [word, dot] = liveWords[state];
  return (
    <span role="status" className="inline-flex items-center gap-1.5 text-xs text-ink-2">
      <span aria-hidden="true" className={`size-2 rounded-full ${dot}`} />
      {word}
    </span>
  );
}

function Brand() {
  return <img src="/favicon.svg" alt="" width={20} height={20} />;
}

type Counts = Partial<Record<Place['to'], number>>;

function Count({ of }: { readonly of: number | undefined }) {
  if (of === undefined || of === 0) return null;
  return (
    <span className="rounded-full bg-accent-soft px-1.5 text-xs font-semibold text-accent tabular-nums">
      {of}
    </span>
  );
}

function SideBar({ counts }: { readonly counts: Counts }) {
  return (
    <nav aria-label="Places" className="hidden border-r border-line bg-panel md:block print:hidden">
      <div className="sticky top-0">
        <Link to="/" className="flex h-12 items-center gap-2 px-4 font-semibold">
          <Brand /> ATF
        </Link>
        <ul className="space-y-0.5 p-2">
          {places.map(({ to, name, icon }) => (
            <li key={to}>
              <Link
                to={to}
                activeOptions={{ exact: to === '/' }}
                className="flex h-8 items-center gap-2.5 rounded-md px-2 text-ink-2 hover:bg-sunken hover:text-ink"
                activeProps={{ className: 'bg-sunken !text-ink font-medium', 'aria-current': 'page' }}
              >
                <Icon name={icon} />
                <span className="flex-1">{name}</span>
                <Count of={counts[to]} />
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  );
}

const inBar = 4;

/** On a phone: the four places of duty under the thumb, the rest behind More. */
function BottomBar({ counts }: { readonly counts: Counts }) {
  const more = useRef<HTMLDivElement>(null);
  const item = 'flex h-14 flex-col items-center justify-center gap-0.5 text-xs text-ink-2';
  const link = ({ to, name, icon }: Place, extra: ReactNode = null) => (
    <Link
      to={to}
      onClick={() => more.current?.hidePopover()}
      activeOptions={{ exact: to === '/' }}
      className={item}
      activeProps={{ className: '!text-accent font-medium', 'aria-current': 'page' }}
    >
      <span className="relative">
        <Icon name={icon} className="size-5" />
        {extra}
      </span>
      {name}
    </Link>
  );
  const badge = (to: Place['to']) =>
    (counts[to] ?? 0) > 0 ? (
      <span className="absolute -top-1.5 left-3.5">
        <Count of={counts[to]} />
      </span>
    ) : null;
  return (
    <nav
      aria-label="Places"
      className="fixed inset-x-0 bottom-0 z-20 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] md:hidden print:hidden"
    >
      <ul className="grid grid-cols-5">
        {places.slice(0, inBar).map((place) => (
          <li key={place.to}>{link(place, badge(place.to))}</li>
        ))}
        <li>
          <button type="button" popoverTarget="more-places" className={`${item} w-full`}>
            <Icon name="more" className="size-5" />
            More
          </button>
        </li>
      </ul>
      <div
        ref={more}
        id="more-places"
        popover="auto"
        className="fixed inset-x-0 top-auto bottom-14 m-0 w-full border-t border-line bg-panel text-ink shadow-2xl"
      >
        <ul className="grid grid-cols-4">
          {places.slice(inBar).map((place) => (
            <li key={place.to}>{link(place, badge(place.to))}</li>
          ))}
        </ul>
      </div>
    </nav>
  );
}
