/** Ids and digests: short, monospaced, copyable whole. */
import { useState } from 'react';
import { Icon } from './icons.tsx';

const shownChars = 8;
const copiedMs = 1_500;

interface CopyProps {
  readonly text: string;
  /** What is copied, for the name of the button. */
  readonly what: string;
}

export function Copy({ text, what }: CopyProps) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied('yes');
    } catch {
      setCopied('failed');
    }
    setTimeout(() => setCopied('no'), copiedMs);
  };
  return (
    <button
      type="button"
      onClick={() => void copy()}
      aria-label={`Copy ${what}`}
      title={copied === 'failed' ? 'The browser does not allow copying here' : `Copy ${what}`}
      className="relative inline-flex size-5 items-center justify-center rounded text-ink-3 after:absolute after:-inset-1 hover:bg-sunken hover:text-ink print:hidden"
    >
      <Icon
        name={copied === 'yes' ? 'allowed' : copied === 'failed' ? 'close' : 'copy'}
        className="size-3.5"
      />
      <span role="status" className="sr-only">
        {copied === 'yes' ? 'Copied' : copied === 'failed' ? 'Not copied' : ''}
      </span>
    </button>
  );
}

export function ShortId({ id, what = 'id' }: { readonly id: string; readonly what?: string }) {
  return (
    <span className="inline-flex items-center gap-0.5 align-bottom whitespace-nowrap">
      <code title={id} className="text-ink-2 print:hidden">
        {id.length > shownChars + 2 ? id.slice(0, shownChars) : id}
      </code>
      {/* On paper nothing can be copied: there it stands whole. */}
      <code className="hidden break-all whitespace-normal print:inline">{id}</code>
      <Copy text={id} what={what} />
    </span>
  );
}
