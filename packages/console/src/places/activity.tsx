/** What happens, as it happens. The filters are the address. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useAnswer } from '../control/queries.ts';
import { ActivityList } from '../parts/activity-list.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { outcomeWords } from '../parts/outcome.tsx';
import { Page, Panel } from '../parts/panel.tsx';

const typingMs = 250;

export function Activity() {
  const search = useSearch({ from: '/shell/activity' });
  const navigate = useNavigate({ from: '/activity' });
  const agents = useAnswer('agents.list', {});
  const set = (part: Partial<Record<keyof typeof search, string | undefined>>) =>
    void navigate({ search: (old) => ({ ...old, ...part }) as typeof search, replace: true });
  const names = agents.data?.items.map(({ name }) => name) ?? [];
  const known = search.agent === undefined || names.includes(search.agent) ? names : [search.agent, ...names];
  return (
    <Page title="Activity">
      <div className="mb-3 grid grid-cols-2 gap-2 sm:flex">
        <div className="sm:w-48">
          <SelectField
            label="Agent"
            bare
            value={search.agent ?? ''}
            onChange={(event) => set({ agent: event.target.value || undefined })}
            options={[{ value: '', text: 'All agents' }, ...known.map((value) => ({ value, text: value }))]}
          />
        </div>
        <div className="sm:w-40">
          <SelectField
            label="Outcome"
            bare
            value={search.outcome ?? ''}
            onChange={(event) => set({ outcome: event.target.value || undefined })}
            options={[
              { value: '', text: 'All outcomes' },
              ...outcomeWords.map((value) => ({ value, text: `Only ${value}` })),
            ]}
          />
        </div>
        <div className="max-sm:col-span-2 sm:w-72">
          <FindField value={search.find ?? ''} onFind={(find) => set({ find: find || undefined })} />
        </div>
      </div>
      <Panel flush>
        <ActivityList
          key={`${search.agent ?? ''} ${search.outcome ?? ''}`}
          filter={search}
          label="Activity"
        />
      </Panel>
    </Page>
  );
}

/** Writes into the address a moment after the last key. */
function FindField({ value, onFind }: { readonly value: string; readonly onFind: (find: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => onFind(typed.trim()), typingMs);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <TextField
      label="Find in what is loaded"
      bare
      placeholder="Tool, code, person, id"
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}
