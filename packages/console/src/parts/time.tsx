/** Times: relative in the text, exact UTC on hover and for copying. One clock ticks for the whole page. */
import { useSyncExternalStore } from 'react';

const tickEveryMs = 1_000;
const listeners = new Set<() => void>();
let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    nowMs = Date.now();
    for (const each of listeners) each();
  }, tickEveryMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

/** `1.3 s`, `42 s`, `3 min`, `2 h`, `5 d`. */
export function durationWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) {
    const minutes = Math.floor((seconds % 3_600) / 60);
    return minutes === 0
      ? `${Math.floor(seconds / 3_600)} h`
      : `${Math.floor(seconds / 3_600)} h ${minutes} min`;
  }
  return `${Math.floor(seconds / 86_400)} d`;
}

export function relativeWords(atMs: number, now: number): string {
  const ms = now - atMs;
  // The clocks of page and control differ a little; a moment ahead is still now.
  if (Math.abs(ms) < 2_000) return 'now';
  const whole = durationWords(Math.floor(Math.abs(ms) / 1_000) * 1_000).replace(/\.\d/, '');
  return ms > 0 ? `${whole} ago` : `in ${whole}`;
}

/** `2026-11-20 23:06:01 UTC`. */
export function exactUtc(at: string): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

export function Time({ at, className = '' }: { readonly at: string; readonly className?: string }) {
  const now = useNowMs();
  return (
    <time dateTime={at} title={exactUtc(at)} className={`whitespace-nowrap tabular-nums ${className}`}>
      {relativeWords(Date.parse(at), now)}
    </time>
  );
}

/** Both: for pages about one object, where the exact time matters. */
export function ExactTime({ at }: { readonly at: string }) {
  return (
    <span className="tabular-nums">
      <time dateTime={at}>{exactUtc(at)}</time>{' '}
      <span className="text-ink-3">
        (<Time at={at} />)
      </span>
    </span>
  );
}
