/** Keys that work on every page: Ctrl-K or ⌘K opens the palette, `g` and a letter jumps, `/` finds. */
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isCommandKey } from './keys.ts';
import { openPalette } from './palette.tsx';
import { places } from './places.ts';

const jumpWithinMs = 1_500;

export function useShortcuts(): void {
  const navigate = useNavigate();
  useEffect(() => {
    let jumpUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      if (!isCommandKey(event)) return;
      if (performance.now() < jumpUntil) {
        jumpUntil = 0;
        const place = places.find(({ key }) => key === event.key);
        if (place === undefined) return;
        event.preventDefault();
        void navigate({ to: place.to });
      } else if (event.key === 'g') {
        jumpUntil = performance.now() + jumpWithinMs;
      } else if (event.key === '/') {
        event.preventDefault();
        openPalette();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate]);
}
