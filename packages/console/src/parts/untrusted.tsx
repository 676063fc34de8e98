/**
 * The one renderer of words that agents, tools and tool servers wrote. Plain text in a box that says whose claim it is; control,
 * bidirectional and invisible characters stand as code points; no links, no markup, nothing elided. Whatever is not shown through
 * this component was written by ATF or by a signed-in person.
 */
import { memo } from 'react';
import { hiddenCount, piecesOf } from './code-points.ts';
import { ScrollBox } from './scroll-box.tsx';

/** The pieces of one text, inline. `isolate` keeps right-to-left letters from reordering what stands around them. */
export const UntrustedText = memo(function UntrustedText({ text }: { readonly text: string }) {
  const pieces = piecesOf(text);
  return (
    <bdi className="break-words whitespace-pre-wrap [overflow-wrap:anywhere]">
      {pieces.map((piece, index) => {
        // The pieces of one text never change order: their place is their key.
        const key = index;
        if (piece.kind === 'text') return <span key={key}>{piece.text}</span>;
        if (piece.kind === 'newline') return <span key={key}>{'\n'}</span>;
        return (
          <span
            key={key}
            title={piece.name}
            className="mx-px rounded-sm border border-danger/60 bg-danger-soft px-0.5 font-mono text-[0.85em] whitespace-nowrap text-danger"
          >
            {piece.label}
          </span>
        );
      })}
    </bdi>
  );
});

interface UntrustedProps {
  readonly text: string;
  /** Whose words: `the agent's manifest`, `the tool server`. */
  readonly by: string;
  readonly mono?: boolean;
}

export function Untrusted({ text, by, mono = false }: UntrustedProps) {
  const hidden = hiddenCount(piecesOf(text));
  return (
    <div className="overflow-clip rounded-md border border-dashed border-line-strong bg-sunken">
      <div className="flex flex-wrap justify-between gap-x-3 border-b border-dashed border-line-strong px-2.5 py-1 text-xs text-ink-3">
        <span>Claimed by {by}</span>
        {hidden > 0 && (
          <span className="font-medium text-danger">
            {hidden} hidden {hidden === 1 ? 'character' : 'characters'} made visible
          </span>
        )}
      </div>
      <ScrollBox
        label={`Words of ${by}`}
        className={`max-h-[32rem] px-2.5 py-2 ${mono ? 'font-mono text-xs' : ''}`}
      >
        <UntrustedText text={text} />
      </ScrollBox>
    </div>
  );
}
