/**
 * Entry of the console. The page follows as a module of its own, because zod has to be told first: no code from strings. Its fast
 * path probes `new Function` where a schema is made, which the content security policy refuses and reports on every load.
 */
import { config } from 'zod';

config({ jitless: true });

/** Control was upgraded while this page was open: its parts have other names now. One load brings them; never a loop. */
const reloadedKey = 'atf.reloaded-at';
const reloadPauseMs = 30_000;
window.addEventListener('vite:preloadError', (event) => {
  if (Date.now() - Number(sessionStorage.getItem(reloadedKey) ?? 0) < reloadPauseMs) return;
  event.preventDefault();
  sessionStorage.setItem(reloadedKey, String(Date.now()));
  location.reload();
});

await import('./page.tsx');
