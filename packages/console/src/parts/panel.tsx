/** The frame of a page and of its parts: heading, actions, facts, and the three states without content. */
import { type ReactNode, useEffect, useId } from 'react';
import { wordsOf } from '../control/fault.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

interface PageProps {
  readonly title: string;
  /** The object's kind, above its name; also the way back. */
  readonly above?: ReactNode;
  readonly actions?: ReactNode;
  readonly sub?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, above, actions, sub, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · ATF`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-6xl px-4 pt-4 pb-24 md:px-6 md:pt-6 md:pb-12 print:max-w-none print:p-0">
      <div className="mb-4 flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          {above !== undefined && <div className="text-xs text-ink-3">{above}</div>}
          <h1 className="text-xl leading-tight font-semibold [overflow-wrap:anywhere]">{title}</h1>
          {sub !== undefined && <div className="mt-1 text-sm text-ink-2">{sub}</div>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2 print:hidden">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

interface PanelProps {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  readonly flush?: boolean;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Panel({ title, aside, flush = false, className = '', children }: PanelProps) {
  const id = useId();
  return (
    <section
      aria-labelledby={title === undefined ? undefined : id}
      className={`min-w-0 rounded-lg border border-line bg-panel ${className}`}
    >
      {title !== undefined && (
        <div className="flex flex-wrap items-center justify-between gap-x-3 border-b border-line px-4 py-2.5">
          <h2 id={id} className="text-sm font-semibold">
            {title}
          </h2>
          {aside !== undefined && <div className="text-xs text-ink-3">{aside}</div>}
        </div>
      )}
      <div className={flush ? '' : 'p-4'}>{children}</div>
    </section>
  );
}

export interface Fact {
  readonly name: string;
  readonly value: ReactNode;
}

/** Names and values, aligned; one below the other where it is narrow. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className="grid grid-cols-1 gap-x-4 gap-y-2 sm:grid-cols-[9rem_minmax(0,1fr)]">
      {facts.map(({ name, value }) => (
        <div key={name} className="contents">
          <dt className="text-ink-3 max-sm:-mb-1.5 max-sm:text-xs">{name}</dt>
          <dd className="min-w-0 [overflow-wrap:anywhere]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface EmptyProps {
  readonly children: ReactNode;
  /** The one command that fills this place. */
  readonly command?: string;
}

export function Empty({ children, command }: EmptyProps) {
  return (
    <div className="px-4 py-8 text-center text-ink-2">
      <p>{children}</p>
      {command !== undefined && (
        <p className="mt-2">
          <code className="rounded bg-sunken px-2 py-1 text-ink">{command}</code>
        </p>
      )}
    </div>
  );
}

interface FaultNoteProps {
  readonly error: unknown;
  readonly retry?: () => void;
}

/** What went wrong: reason, code, what would help, and another try. */
export function FaultNote({ error, retry }: FaultNoteProps) {
  const { title, code, detail, help, requirement } = wordsOf(error);
  return (
    <div role="alert" className="rounded-lg border border-danger/50 bg-danger-soft p-3 text-ink">
      <div className="flex items-start gap-2">
        <Icon name="failed" className="mt-0.5 text-danger" />
        <div className="min-w-0 flex-1">
          <p className="font-medium">{title}</p>
          {detail !== undefined && <p className="mt-0.5 text-ink-2 [overflow-wrap:anywhere]">{detail}</p>}
          <p className="mt-0.5 text-ink-2">{help}</p>
          <p className="mt-1 text-xs text-ink-2">
            <code>{code}</code>
            {requirement !== undefined && <> · {requirement}</>}
          </p>
        </div>
        {retry !== undefined && <Button onClick={retry}>Try again</Button>}
      </div>
    </div>
  );
}

/** Grey lines that keep the place of what loads. */
export function Loading({ lines = 4 }: { readonly lines?: number }) {
  return (
    <div role="status" className="space-y-3 p-4">
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <div
          key={index}
          className={`h-4 animate-pulse rounded bg-sunken ${index % 3 === 2 ? 'w-2/3' : 'w-full'}`}
        />
      ))}
    </div>
  );
}

interface AnswerLike<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  refetch(): unknown;
}

interface ShownProps<T> {
  readonly answer: AnswerLike<T>;
  readonly lines?: number;
  readonly children: (data: T) => ReactNode;
}

/** Loading, fault or content. An answer that could not be renewed stays on screen below the fault. */
export function Shown<T>({ answer, lines, children }: ShownProps<T>) {
  const fault =
    answer.error === null ? null : <FaultNote error={answer.error} retry={() => void answer.refetch()} />;
  if (answer.data === undefined) return fault ?? <Loading {...(lines === undefined ? {} : { lines })} />;
  return (
    <>
      {fault !== null && <div className="mb-3">{fault}</div>}
      {children(answer.data)}
    </>
  );
}
