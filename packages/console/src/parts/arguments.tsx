/**
 * The exact arguments of a call: one row per top-level argument for the eye, and below the exact canonical text that would run, with
 * its digest computed again in this browser. Every word in it is the agent's.
 */
import { type Json, isJsonObject, parseStrictText } from '@atf/core/wire/json';
import { useEffect, useState } from 'react';
import { digestOf } from '../control/digest.ts';
import { Icon } from './icons.tsx';
import { ScrollBox } from './scroll-box.tsx';
import { ShortId } from './short-id.tsx';
import { UntrustedText } from './untrusted.tsx';
import { hiddenCount, piecesOf } from './code-points.ts';

interface ArgumentsProps {
  readonly text: string;
  /** Digest that the record or the approval holds. */
  readonly digest?: string;
  readonly by: string;
}

const argsBounds = { bytesMax: 1_048_576, depthMax: 64, valuesMax: 100_000 };

export function Arguments({ text, digest, by }: ArgumentsProps) {
  const parsed = parseStrictText(text, argsBounds);
  const hidden = hiddenCount(piecesOf(text));
  const value = parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
  return (
    <div className="overflow-clip rounded-md border border-dashed border-line-strong">
      <div className="flex flex-wrap justify-between gap-x-3 border-b border-dashed border-line-strong bg-sunken px-3 py-1 text-xs text-ink-3">
        <span>Claimed by {by}</span>
        {hidden > 0 && (
          <span className="font-medium text-danger">{hidden} hidden characters made visible</span>
        )}
      </div>
      {value !== undefined && <ArgumentRows value={value} />}
      {value !== undefined && Object.keys(value).length === 0 && (
        <p className="px-3 py-2 text-ink-2">No arguments.</p>
      )}
      {!parsed.ok && (
        <p className="border-b border-line px-3 py-2 text-danger">
          <Icon name="failed" /> This text is not strict JSON ({parsed.problem}); read it as it stands.
        </p>
      )}
      <details open={value === undefined} className="border-t border-dashed border-line-strong bg-sunken">
        <summary className="px-3 py-1.5 text-xs text-ink-2">
          Exact text, {new TextEncoder().encode(text).byteLength} bytes
        </summary>
        <ScrollBox label="Exact text of the arguments" className="max-h-80 px-3 pb-2 font-mono text-xs">
          <UntrustedText text={text} />
        </ScrollBox>
        {digest !== undefined && <DigestCheck text={text} digest={digest} />}
      </details>
    </div>
  );
}

function ArgumentRows({ value }: { readonly value: Record<string, Json> }) {
  return (
    <dl>
      {Object.entries(value).map(([name, item]) => (
        <div
          key={name}
          className="grid grid-cols-1 gap-x-4 border-b border-line px-3 py-1.5 last:border-b-0 sm:grid-cols-[10rem_minmax(0,1fr)]"
        >
          <dt className="font-mono text-xs leading-5 text-ink-2">
            <UntrustedText text={name} />
          </dt>
          <dd className="min-w-0">
            <ArgumentValue value={item} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function ArgumentValue({ value }: { readonly value: Json }) {
  if (typeof value === 'string') {
    return value === '' ? <span className="text-ink-3">empty text</span> : <UntrustedText text={value} />;
  }
  if (value === null || typeof value !== 'object')
    return <code className="font-semibold">{String(value)}</code>;
  return (
    <code className="text-xs">
      <UntrustedText text={JSON.stringify(value, null, 2)} />
    </code>
  );
}

/** Recomputes SHA-256 over the text that is on screen; the page does not have to be trusted blindly. */
function DigestCheck({ text, digest }: { readonly text: string; readonly digest: string }) {
  const [own, setOwn] = useState<string>();
  useEffect(() => {
    let live = true;
    void digestOf(text).then((value) => {
      if (live) setOwn(value);
    });
    return () => {
      live = false;
    };
  }, [text]);
  return (
    <p className="flex flex-wrap items-center gap-x-2 border-t border-dashed border-line-strong px-3 py-1.5 text-xs text-ink-2">
      SHA-256 <ShortId id={digest} what="digest of the arguments" />
      {own === undefined ? (
        <span>cannot be computed here: the page needs https or localhost</span>
      ) : own === digest ? (
        <span className="inline-flex items-center gap-1 text-good">
          <Icon name="allowed" /> equals the text above
        </span>
      ) : (
        <span className="inline-flex items-center gap-1 font-semibold text-danger">
          <Icon name="failed" /> does not equal the text above: do not approve
        </span>
      )}
    </p>
  );
}
