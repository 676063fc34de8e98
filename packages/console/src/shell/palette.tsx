/** The command palette (Ctrl-K, ⌘K): a popover that closes by itself, not a modal. */
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { Loading } from '../parts/panel.tsx';

const PaletteBody = lazy(async () => ({ default: (await import('./palette-body.tsx')).PaletteBody }));

export const paletteId = 'palette';

export function openPalette(): void {
  document.getElementById(paletteId)?.showPopover();
}

export function Palette() {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const onToggle = (event: Event) => setOpen((event as ToggleEvent).newState === 'open');
    element.addEventListener('toggle', onToggle);
    return () => element.removeEventListener('toggle', onToggle);
  }, []);
  return (
    <div
      ref={box}
      id={paletteId}
      popover="auto"
      role="search"
      aria-label="Commands"
      className="mx-auto mt-[10vh] mb-auto w-[min(36rem,calc(100vw-1rem))] overflow-hidden rounded-xl border border-line-strong bg-panel text-ink shadow-2xl"
    >
      {open && (
        <Suspense fallback={<Loading lines={3} />}>
          <PaletteBody onDone={() => box.current?.hidePopover()} />
        </Suspense>
      )}
    </div>
  );
}
