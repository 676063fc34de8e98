/**
 * Tasks of one agent: what people have given it, and a form to give another one, in two steps. What a task releases is said before it is given, and the words
 * are shown as they will count: they may have been pasted from somewhere.
 */
import type { Agent } from '@atf/core/wire/api';
import type { Task } from '@atf/core/wire/task-routes';
import { useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { hiddenCount, piecesOf } from '../parts/code-points.ts';
import { SelectField, TextArea } from '../parts/field.tsx';
import { FaultNote, Panel } from '../parts/panel.tsx';
import { Copy, ShortId } from '../parts/short-id.tsx';
import { Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 10_000;
const shownMax = 10;
const durations = [
  { value: '60', text: 'one hour' },
  { value: '480', text: 'eight hours' },
  { value: '1440', text: 'a day' },
];

export function TasksPanel({ agent }: { readonly agent: Agent }) {
  const me = useAnswer('people.me', {});
  const answer = useAnswer('tasks.list', { query: { agentId: agent.id } }, { everyMs });
  const end = useChange('tasks.end', ['tasks.list']);
  const [open, setOpen] = useState(false);
  const person = me.data?.person;
  const may =
    person?.roles.includes('operator') === true ||
    [agent.owner.email, agent.manifest.technicalOwner].includes(person?.email ?? '');
  const tasks = (answer.data?.items ?? []).slice(0, shownMax);
  if (!may && tasks.length === 0) return null;
  return (
    <Panel
      title="Tasks"
      aside={may && !open ? <Button onClick={() => setOpen(true)}>Give it a task…</Button> : undefined}
    >
      {tasks.length === 0 && !open && (
        <p className="text-ink-2">Nobody has given it a task. Without one nobody’s words are known.</p>
      )}
      <ul>
        {tasks.map((task) => (
          <TaskLine
            key={task.id}
            task={task}
            busy={end.isPending}
            onEnd={may ? () => end.mutate({ params: { id: task.id } }) : undefined}
          />
        ))}
      </ul>
      {end.error !== null && <FaultNote error={end.error} />}
      {open && <GiveTask agent={agent} onDone={() => setOpen(false)} />}
    </Panel>
  );
}

const stateWords: Readonly<Record<Task['state'], string>> = {
  open: 'no session has it yet',
  taken: 'a session works on it',
  over: 'over',
};

/** A host application says what somebody said whom only it knows. */
const byWords = ({ by, host, for: reference }: Task): string =>
  host === undefined ? by : `${host} for ${reference ?? 'somebody'}, ${by} answers`;

function TaskLine({
  task,
  busy,
  onEnd,
}: {
  readonly task: Task;
  readonly busy: boolean;
  readonly onEnd: (() => void) | undefined;
}) {
  return (
    <li className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1 border-b border-line py-2 last:border-b-0">
      <span>
        <UntrustedText text={task.turns.join('\n')} />
        <span className="block text-xs text-ink-3">
          {byWords(task)}, <Time at={task.givenAt} /> · {stateWords[task.state]}
          {task.state !== 'over' && (
            <>
              {' '}
              · until <Time at={task.expiresAt} /> · <ShortId id={task.id} what="task id" />
            </>
          )}
        </span>
      </span>
      {onEnd !== undefined && task.state !== 'over' && (
        <Button onClick={onEnd} disabled={busy}>
          End this task
        </Button>
      )}
    </li>
  );
}

function GiveTask({ agent, onDone }: { readonly agent: Agent; readonly onDone: () => void }) {
  const [words, setWords] = useState('');
  const [minutes, setMinutes] = useState('480');
  const [sure, setSure] = useState(false);
  const give = useChange('tasks.give', ['tasks.list']);
  const said = words.trim();
  if (give.data !== undefined) return <Given agent={agent} task={give.data} onDone={onDone} />;
  if (sure)
    return (
      <div className="mt-3 space-y-3">
        <p className="font-medium">These are your words, exactly as they will count:</p>
        <blockquote className="border-l-2 border-line-strong pl-3">
          <UntrustedText text={said} />
        </blockquote>
        {hiddenCount(piecesOf(said)) > 0 && (
          <p className="font-medium text-danger">
            They hold characters that you cannot see. Were they written by you?
          </p>
        )}
        <WhatItReleases agent={agent} minutes={minutes} />
        <div className="flex flex-wrap gap-2">
          <Button
            look="primary"
            busy={give.isPending}
            onClick={() =>
              give.mutate({ params: { id: agent.id }, body: { words: said, minutes: Number(minutes) } })
            }
          >
            Give {agent.name} this task
          </Button>
          <Button onClick={() => setSure(false)}>Change the words</Button>
        </div>
        {give.error !== null && <FaultNote error={give.error} />}
      </div>
    );
  return (
    <div className="mt-3 space-y-3">
      <TextArea
        label="What it is to do, in your own words"
        hint="Name whom and what it is about: addresses, orders, amounts. What the words do not name is asked about."
        required
        maxLength={8_000}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <SelectField
        label="It may work on this for"
        value={minutes}
        onChange={(event) => setMinutes(event.target.value)}
        options={durations}
      />
      <div className="flex flex-wrap gap-2">
        <Button disabled={said === ''} onClick={() => setSure(true)}>
          See what this releases
        </Button>
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

function WhatItReleases({ agent, minutes }: { readonly agent: Agent; readonly minutes: string }) {
  const duration = durations.find(({ value }) => value === minutes)?.text ?? `${minutes} minutes`;
  return (
    <ul className="list-disc space-y-1 pl-5">
      <li>
        For {duration}, {agent.name} may do what these words ask for without asking a person, as far as its
        level, rights, limits and policies let it. Everything that they name, it may use: also what you
        pasted.
      </li>
      <li>What they do not ask for, and what comes from elsewhere, still goes to a person.</li>
      <li>
        One session takes the task. It begins clean: what the agent has read before does not hold it back.
      </li>
      <li>It stands in the record that you gave it, without the words. You can end it at any time.</li>
    </ul>
  );
}

function Given({
  agent,
  task,
  onDone,
}: {
  readonly agent: Agent;
  readonly task: Task;
  readonly onDone: () => void;
}) {
  const command = `atf connect <server> --agent ${agent.name} --task ${task.id}`;
  return (
    <div className="mt-3 space-y-2" role="status">
      <p className="font-medium">
        Given. {agent.name} may work on it until <Time at={task.expiresAt} />.
      </p>
      <p className="text-ink-2">No session has it yet. One is started on it with:</p>
      <p className="[overflow-wrap:anywhere]">
        <code>{command}</code> <Copy text={command} what="command" />
      </p>
      <Button onClick={onDone}>Done</Button>
    </div>
  );
}
