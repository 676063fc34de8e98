/** Nobody is signed in: says the one command that helps, and remembers the page that was wanted. */
import { type ReactNode, useEffect } from 'react';
import { keepReturn } from './return-to.ts';

export function Card({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · ATF`;
  }, [title]);
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-md rounded-xl border border-line bg-panel p-6">
        <p className="mb-4 flex items-center gap-2 font-semibold">
          <img src="/favicon.svg" alt="" width={24} height={24} /> ATF console
        </p>
        <h1 className="mb-2 text-xl font-semibold">{title}</h1>
        {children}
      </div>
    </main>
  );
}

export function SignedOut() {
  useEffect(keepReturn, []);
  return (
    <Card title="Sign in">
      <p className="text-ink-2">
        Open a one-time sign-in link in this browser. On the host that runs ATF, this prints one:
      </p>
      <p className="mt-3">
        <code className="rounded bg-sunken px-2 py-1">atf sign-in</code>
      </p>
      <p className="mt-3 text-ink-2">
        Anybody else asks an operator for a link. Afterwards you come back to this page.
      </p>
    </Card>
  );
}
