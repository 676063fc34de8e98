/** One review: its calls with what they said and what came back, and what the person who has looked at them says. */
import type { Review, ShownCall } from '@atf/core/wire/review';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Arguments } from '../parts/arguments.tsx';
import { Button } from '../parts/button.tsx';
import { TextArea } from '../parts/field.tsx';
import { Facts, FaultNote, Page, Panel, Shown } from '../parts/panel.tsx';
import { ExactTime, Time } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { becauseWords, Standing } from './review-words.tsx';

const noteMax = 500;

export function ReviewPage() {
  const { id } = useParams({ from: '/shell/reviews/$id' });
  const answer = useAnswer('reviews.show', { params: { id } });
  return (
    <Page
      title="Review"
      above={
        <Link to="/reviews" className="hover:underline">
          Reviews
        </Link>
      }
    >
      <Shown answer={answer} lines={8}>
        {(review) => (
          <div className="space-y-4">
            <Panel title={`${review.count} ${review.count === 1 ? 'call' : 'calls'} of ${review.agent}`}>
              <Facts facts={factsOf(review)} />
            </Panel>
            {review.yours ? <ToLookAt review={review} /> : <Calls review={review} />}
          </div>
        )}
      </Shown>
    </Page>
  );
}

const factsOf = (review: Review) => [
  { name: 'State', value: <Standing review={review} /> },
  { name: 'Why', value: becauseWords[review.because] },
  { name: 'First', value: <ExactTime at={review.firstAt} /> },
  { name: 'Last', value: <ExactTime at={review.lastAt} /> },
  ...(review.state === 'open' ? [{ name: 'Due', value: <Time at={review.dueAt} /> }] : []),
  ...(review.decidedBy === undefined
    ? []
    : [{ name: 'Decided by', value: <UntrustedText text={review.decidedBy} /> }]),
  ...(review.note === undefined ? [] : [{ name: 'Note', value: <UntrustedText text={review.note} /> }]),
];

function Calls({ review }: { readonly review: Review }) {
  return (
    <Panel
      title="The calls"
      aside={
        review.state === 'open'
          ? 'who answers for the agent, approvers and security decide about them'
          : undefined
      }
      flush
    >
      <ul>
        {review.calls.map((call) => (
          <li key={call.actionId} className="border-b border-line px-4 py-2 last:border-b-0">
            <Link to="/activity/$id" params={{ id: call.actionId }} className="hover:underline">
              <UntrustedText text={call.tool} />
            </Link>
            <span className="ml-2 text-xs text-ink-3">
              <Time at={call.at} />
              {call.labels.length > 0 && ` · ${call.labels.join(', ')}`}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Asked once: what comes meanwhile is not what this person has seen. */
function ToLookAt({ review: { id, count, agent } }: { readonly review: Review }) {
  const answer = useAnswer('reviews.look', { params: { id } }, { once: true });
  const again = () => void answer.refetch();
  return (
    <Shown answer={answer} lines={12}>
      {({ calls, shown }) =>
        shown === undefined ? (
          <Panel title="The calls">
            <p className="mb-2 text-ink-2">
              Their records are not in the log yet; they arrive within a second.
            </p>
            <Button onClick={again}>Look again</Button>
          </Panel>
        ) : (
          <Decide
            key={shown}
            {...{ id, agent, calls, shown }}
            left={Math.max(0, count - calls.length)}
            again={again}
          />
        )
      }
    </Shown>
  );
}

interface DecideProps {
  readonly id: string;
  readonly agent: string;
  readonly calls: readonly ShownCall[];
  readonly shown: string;
  /** Calls that come after these. */
  readonly left: number;
  readonly again: () => void;
}

const old = ['reviews.show', 'reviews.list'] as const;
const withOrWithout = (all: readonly string[], id: string, isIn: boolean): readonly string[] =>
  isIn ? [...new Set([...all, id])] : all.filter((each) => each !== id);

function Decide({ id, agent, calls, shown, left, again }: DecideProps) {
  const [note, setNote] = useState('');
  const [opened, setOpened] = useState<readonly string[]>([]);
  const [wrong, setWrong] = useState<readonly string[]>([]);
  const confirm = useChange('reviews.confirm', old);
  const object = useChange('reviews.object', old);
  const busy = confirm.isPending || object.isPending;
  const said = note.trim();
  const params = { id };
  const error = confirm.error ?? object.error;
  // What is left, if anything is.
  const decided = left > 0 || wrong.length > 0 ? { onSuccess: again } : {};
  return (
    <>
      <Panel title="The calls" aside={left === 0 ? undefined : `${left} more after these`} flush>
        <ol>
          {calls.map((call) => (
            <Call
              key={call.actionId}
              {...{ call, agent }}
              isWrong={wrong.includes(call.actionId)}
              onOpen={() => setOpened((all) => withOrWithout(all, call.actionId, true))}
              onWrong={(is) => setWrong((all) => withOrWithout(all, call.actionId, is))}
            />
          ))}
        </ol>
      </Panel>
      <Panel title="Decide">
        <TextArea
          label="Note"
          hint="Kept with the review. To object, say what is wrong, and mark where."
          maxLength={noteMax}
          rows={3}
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
        <p className="mt-2 text-ink-2" aria-live="polite">
          {opened.length} of {calls.length} opened.
        </p>
        <div className="mt-2 flex flex-wrap gap-2">
          <Button
            look="primary"
            busy={busy}
            disabled={opened.length < calls.length || wrong.length > 0}
            onClick={() =>
              confirm.mutate(
                {
                  params,
                  body: {
                    actionIds: calls.map(({ actionId }) => actionId),
                    shown,
                    ...(said === '' ? {} : { note: said }),
                  },
                },
                decided,
              )
            }
          >
            I have looked at {calls.length === 1 ? 'it' : `these ${calls.length}`}: right
          </Button>
          <Button
            look="danger-outline"
            busy={busy}
            disabled={said === '' || wrong.length === 0}
            onClick={() => object.mutate({ params, body: { actionIds: [...wrong], note: said } }, decided)}
          >
            Object to {wrong.length === 0 ? 'what is marked' : wrong.length}
          </Button>
        </div>
        {error !== null && <FaultNote error={error} retry={again} />}
      </Panel>
    </>
  );
}

interface CallProps {
  readonly call: ShownCall;
  readonly agent: string;
  readonly isWrong: boolean;
  readonly onOpen: () => void;
  readonly onWrong: (is: boolean) => void;
}

function Call({ call, agent, isWrong, onOpen, onWrong }: CallProps) {
  return (
    <li className="border-b border-line px-4 py-2 last:border-b-0">
      <details onToggle={(event) => event.currentTarget.open && onOpen()}>
        <summary className="cursor-pointer py-1 font-medium">
          <UntrustedText text={call.tool} />
          <span className="ml-2 text-xs font-normal text-ink-2">
            <Time at={call.at} />
            {call.labels.length > 0 && ` · ${call.labels.join(', ')}`}
          </span>
        </summary>
        <div className="space-y-2 py-2">
          {call.args === undefined ? (
            <p className="text-ink-2">The arguments were erased.</p>
          ) : (
            <Arguments text={call.args.text} by={`the agent ${agent}`} />
          )}
          {call.result === undefined ? (
            <p className="text-ink-2">No result is kept.</p>
          ) : (
            <Untrusted text={call.result.text} by={`the tool ${call.tool}`} mono />
          )}
          {(call.args?.cut === true || call.result?.cut === true) && (
            <p className="text-ink-2">
              This is its beginning;{' '}
              <Link to="/activity/$id" params={{ id: call.actionId }}>
                all of it
              </Link>{' '}
              stands with the action.
            </p>
          )}
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={isWrong} onChange={(event) => onWrong(event.target.checked)} />
            Something is wrong here
          </label>
        </div>
      </details>
    </li>
  );
}
