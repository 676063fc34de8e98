/** Shares one live connection with the whole page: its state, its newest items, and which answers each event makes old. */
import type { ActivityItem, OperationId } from '@atf/core/wire/api';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { LiveActivity, type LiveState } from './live-activity.ts';

type Listener = (item: ActivityItem) => void;

interface Live {
  readonly state: LiveState;
  /** Raised when a connection came back, or records were passed over: lists ask again. */
  readonly resumes: number;
  subscribe(listener: Listener): () => void;
}

const LiveContext = createContext<Live>({
  state: 'connecting',
  resumes: 0,
  subscribe: () => () => undefined,
});

/** Events come in bursts; answers are asked again at most this often. */
const refreshEveryMs = 400;

/** Which answers an event makes old. The actions themselves live in the lists that listen. */
export function madeOldBy(item: ActivityItem): readonly OperationId[] {
  const room = item.type.slice(0, item.type.indexOf('.'));
  switch (room) {
    case 'approvals':
      return ['reviews.list', 'reviews.show', 'approvals.list', 'approvals.show', 'overview', 'actions.show'];
    case 'incident':
      return [
        'containment.list',
        'agents.list',
        'agents.show',
        'agents.rights',
        'overview',
        'approvals.list',
      ];
    case 'identity':
    case 'maturity':
      return ['agents.list', 'agents.show', 'agents.rights', 'overview'];
    case 'segmentation':
      return [
        'tools.list',
        'tools.show',
        'servers.list',
        'agents.rights',
        'agents.volume',
        'labels.list',
        'agents.boundaries',
        'overview',
      ];
    case 'notification':
      return ['notifications.list', 'notifications.show', 'targets.list', 'deliveries.list'];
    case 'policy':
      return ['agents.rights'];
    case 'action':
      return item.outcome === 'waiting'
        ? ['approvals.list', 'overview', 'actions.show']
        : ['actions.show', 'agents.totals'];
    default:
      return [];
  }
}

export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  const [resumes, setResumes] = useState(0);
  const listeners = useRef(new Set<Listener>());

  useEffect(() => {
    const old = new Set<OperationId>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      for (const key of old) void client.invalidateQueries({ queryKey: [key] });
      old.clear();
    };
    const live = new LiveActivity({
      item(item) {
        for (const listener of listeners.current) listener(item);
        for (const key of madeOldBy(item)) old.add(key);
        if (old.size > 0) timer ??= setTimeout(flush, refreshEveryMs);
      },
      state(next) {
        setState(next);
        // A refused stream means that nobody is signed in any more: the page finds out by asking who is.
        if (next === 'refused') void client.invalidateQueries({ queryKey: ['people.me'] });
      },
      resumed() {
        setResumes((count) => count + 1);
        void client.invalidateQueries();
      },
    });
    live.start();
    return () => {
      clearTimeout(timer);
      live.stop();
    };
  }, [client]);

  const value = useMemo<Live>(
    () => ({
      state,
      resumes,
      subscribe(listener) {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [state, resumes],
  );
  return <LiveContext value={value}>{children}</LiveContext>;
}

export function useLive(): Live {
  return useContext(LiveContext);
}
