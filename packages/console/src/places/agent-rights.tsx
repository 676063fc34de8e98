/** What might this agent do then? Made again from the log; what cannot be known is said. */
import type { RightsAt } from '@atf/core/wire/rights';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useAnswer } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { LevelBadge } from '../parts/level.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { RightsTable } from '../parts/rights-table.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

/** `2026-11-21T14:30:05` as the field has it, and as control wants it. */
const toField = (iso: string): string => iso.slice(0, 19);
function toIso(field: string): string | undefined {
  const ms = Date.parse(`${field}Z`);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

export function AgentRights() {
  const { id } = useParams({ from: '/shell/agents/$id/rights' });
  const { at } = useSearch({ from: '/shell/agents/$id/rights' });
  const agent = useAnswer('agents.show', { params: { id } });
  const found = agent.data;
  return (
    <Page
      title="What it might do"
      above={
        <Link to="/agents/$id" params={{ id }} className="hover:underline">
          <UntrustedText text={found?.name ?? id} />
        </Link>
      }
      sub="Tool by tool: alone, after a person, or never."
    >
      <div className="grid gap-4">
        <Moment key={at ?? 'now'} at={at} />
        <Shown answer={agent}>{(shown) => <Then id={shown.id} at={at} />}</Shown>
      </div>
    </Page>
  );
}

function Moment({ at }: { readonly at: string | undefined }) {
  const navigate = useNavigate({ from: '/agents/$id/rights' });
  const [typed, setTyped] = useState(() => toField(at ?? new Date().toISOString()));
  const chosen = toIso(typed);
  const show = (event: FormEvent) => {
    event.preventDefault();
    if (chosen !== undefined) void navigate({ search: { at: chosen } });
  };
  return (
    <form onSubmit={show} className="flex flex-wrap items-end gap-2">
      <div className="w-60 max-sm:w-full">
        <TextField
          label="Moment, UTC"
          type="datetime-local"
          step={1}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <Button type="submit" disabled={chosen === undefined}>
        Show that moment
      </Button>
      {at !== undefined && <Button onClick={() => void navigate({ search: {} })}>Now</Button>}
    </form>
  );
}

function Then({ id, at }: { readonly id: string; readonly at: string | undefined }) {
  const rights = useAnswer('agents.rightsAt', { params: { id }, query: at === undefined ? {} : { at } });
  return <Shown answer={rights}>{(found) => <Table found={found} />}</Shown>;
}

function Table({ found }: { readonly found: RightsAt }) {
  const { items, policies, notes, level, ceiling, version, policy } = found;
  return (
    <div className="grid gap-4">
      <Panel title={found.now ? 'Now' : 'At that moment'}>
        <Facts
          facts={[
            { name: 'Moment', value: <ExactTime at={found.at} /> },
            { name: 'Level', value: <LevelBadge level={level} /> },
            { name: 'Ceiling', value: ceiling === undefined ? 'none' : <LevelBadge level={ceiling} /> },
            { name: 'Its version', value: <UntrustedText text={version} /> },
            { name: 'Policy version', value: policy },
          ]}
        />
      </Panel>
      <Panel title="Tools" flush>
        {items.length === 0 ? (
          <Empty>It is granted no tool: every call is refused.</Empty>
        ) : (
          <RightsTable items={items} />
        )}
      </Panel>
      {policies.length > 0 && (
        <Panel title="What those policies say" flush>
          <dl>
            {policies.map(({ id: name, file, says }) => (
              <div key={name} className="border-b border-line px-4 py-2 last:border-b-0">
                <dt>
                  <code>{name}</code> <span className="text-xs text-ink-3">{file}</span>
                </dt>
                <dd className="text-ink-2">
                  <UntrustedText text={says === '' ? 'Nothing is written over it.' : says} />
                </dd>
              </div>
            ))}
          </dl>
        </Panel>
      )}
      <Panel title="What this cannot know">
        <ul className="list-disc space-y-1 pl-5">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}
