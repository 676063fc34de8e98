/**
 * What is in the palette: every place, agent, waiting approval, tool and stop by typing; a combobox with a list box for assistive technology
 * (WAI-ARIA combobox pattern). Loaded when it is opened first.
 */
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import { useAnswer } from '../control/queries.ts';
import { Icon, type IconName } from '../parts/icons.tsx';
import { places } from './places.ts';
import { useStop } from './stop-dialog.tsx';

interface Command {
  readonly key: string;
  readonly icon: IconName;
  readonly text: string;
  readonly hint: string;
  readonly danger?: boolean;
  run(): void;
}

const shownMax = 12;

/** Every word must occur; a start of the text counts first. */
function matches(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands.filter(({ text, hint }) =>
    words.every((word) => `${text} ${hint}`.toLowerCase().includes(word)),
  );
  const first = words[0] ?? '';
  const rank = ({ text }: Command) => (text.toLowerCase().startsWith(first) ? 0 : 1);
  return (first === '' ? found : [...found].sort((a, b) => rank(a) - rank(b))).slice(0, shownMax);
}

function useCommands(enabled: boolean): Command[] {
  const navigate = useNavigate();
  const stop = useStop();
  const agents = useAnswer('agents.list', {}, { enabled });
  const tools = useAnswer('tools.list', {}, { enabled });
  const approvals = useAnswer('approvals.list', { query: { state: 'waiting' } }, { enabled });
  return useMemo(() => {
    const agentItems = agents.data?.items ?? [];
    return [
      ...places.map(({ to, name, icon, key }) => ({
        key: to,
        icon,
        text: name,
        hint: `g ${key}`,
        run: () => void navigate({ to }),
      })),
      {
        key: 'stop',
        icon: 'stopped',
        text: 'Stop…',
        hint: 'agent, owner, tool or fleet',
        danger: true,
        run: () => stop.open(),
      },
      ...(approvals.data?.items ?? []).map((item) => ({
        key: `approval:${item.id}`,
        icon: 'waiting' as const,
        text: `${item.agent.name} asks for ${item.tool}`,
        hint: 'approval',
        run: () => void navigate({ to: '/approvals/$id', params: { id: item.id } }),
      })),
      ...agentItems.map((agent) => ({
        key: `agent:${agent.id}`,
        icon: 'agents' as const,
        text: agent.name,
        hint: 'agent',
        run: () => void navigate({ to: '/agents/$id', params: { id: agent.name } }),
      })),
      ...agentItems.map((agent) => ({
        key: `stop:${agent.id}`,
        icon: 'stopped' as const,
        text: `Stop ${agent.name}`,
        hint: 'kill agent',
        danger: true,
        run: () => stop.open({ kind: 'agent', id: agent.id }),
      })),
      {
        key: 'stop:fleet',
        icon: 'stopped',
        text: 'Stop the whole fleet',
        hint: 'kill all agents',
        danger: true,
        run: () => stop.open({ kind: 'fleet', id: '*' }),
      },
      ...(tools.data?.items ?? []).map((tool) => ({
        key: `tool:${tool.server}/${tool.name}`,
        icon: 'tools' as const,
        text: `${tool.server}/${tool.name}`,
        hint: 'tool',
        run: () =>
          void navigate({ to: '/tools/$server/$name', params: { server: tool.server, name: tool.name } }),
      })),
    ] satisfies Command[];
  }, [agents.data, tools.data, approvals.data, navigate, stop]);
}

export function PaletteBody({ onDone }: { readonly onDone: () => void }) {
  const id = useId();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = matches(useCommands(true), typed);
  const chosen = Math.min(at, list.length - 1);
  useEffect(() => input.current?.focus(), []);
  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    onDone();
    command.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && list.length > 0) {
      event.preventDefault();
      setAt((chosen + step + list.length) % list.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(list[chosen]);
    }
  };
  return (
    <>
      <div className="flex items-center gap-2 border-b border-line px-3">
        <Icon name="search" className="text-ink-3" />
        <input
          ref={input}
          role="combobox"
          aria-label="Find a place, an agent, a tool, or stop something"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={list.length === 0 ? undefined : `${id}-${chosen}`}
          className="h-11 w-full bg-transparent outline-none placeholder:text-ink-3 max-md:text-base"
          placeholder="Find a place, an agent, a tool, or stop something"
          value={typed}
          onKeyDown={onKey}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
        />
      </div>
      <div
        role="listbox"
        id={`${id}-list`}
        aria-label="Commands"
        className="max-h-[50vh] overflow-y-auto py-1"
      >
        {list.map((command, index) => (
          <div
            key={command.key}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => run(command)}
            className={`flex cursor-pointer items-center gap-2.5 px-3 py-2 ${index === chosen ? 'bg-accent-soft' : 'hover:bg-sunken'} ${command.danger ? 'text-danger' : ''}`}
          >
            <Icon name={command.icon} />
            <span className="min-w-0 flex-1 truncate">{command.text}</span>
            <span className="text-xs text-ink-3">{command.hint}</span>
          </div>
        ))}
      </div>
      {list.length === 0 && <p className="px-3 pb-4 text-center text-ink-2">Nothing has that name.</p>}
      <p className="hidden border-t border-line px-3 py-2 text-xs text-ink-3 md:block">
        <kbd>↑↓</kbd> choose · <kbd>Enter</kbd> go · <kbd>Esc</kbd> close · on pages: <kbd>g</kbd> then a
        letter jumps, <kbd>j</kbd> <kbd>k</kbd> move in lists
      </p>
    </>
  );
}
