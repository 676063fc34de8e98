/** Every page's address. Pages load on demand, so that the first load stays small; filters live in the address. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from '@tanstack/react-router';
import { reviewStates } from '@atf/core/wire/review';
import { approvalStates } from '@atf/core/wire/words';
import { Empty, FaultNote, Loading } from './parts/panel.tsx';
import { outcomeWords } from './parts/outcome.tsx';
import { SignIn } from './places/sign-in.tsx';
import { Shell } from './shell/shell.tsx';

const rootRoute = createRootRoute({ component: Outlet });
const signIn = createRoute({ getParentRoute: () => rootRoute, path: '/sign-in', component: SignIn });
const shell = createRoute({ getParentRoute: () => rootRoute, id: 'shell', component: Shell });

const textMax = 200;
/** A filter from the address: text of bounded length, or nothing. */
const text = (value: unknown): string | undefined =>
  (typeof value === 'string' || typeof value === 'number') && String(value) !== ''
    ? String(value).slice(0, textMax)
    : undefined;
const oneOf = <T extends string>(value: unknown, words: readonly T[]): T | undefined =>
  words.find((word) => word === value);
/** Leaves out what is not set, as exact optional types want it. */
const kept = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('./places/overview.tsx'), 'Overview'),
});
const agents = createRoute({
  getParentRoute: () => shell,
  path: '/agents',
  component: lazyRouteComponent(() => import('./places/agents.tsx'), 'Agents'),
});
const agent = createRoute({
  getParentRoute: () => shell,
  path: '/agents/$id',
  component: lazyRouteComponent(() => import('./places/agent.tsx'), 'AgentPage'),
});
const tryLevel = createRoute({
  getParentRoute: () => shell,
  path: '/agents/$id/try-level',
  component: lazyRouteComponent(() => import('./places/try-level.tsx'), 'TryLevelPage'),
});
const agentRights = createRoute({
  getParentRoute: () => shell,
  path: '/agents/$id/rights',
  validateSearch: (search: Record<string, unknown>) => kept({ at: text(search['at']) }),
  component: lazyRouteComponent(() => import('./places/agent-rights.tsx'), 'AgentRights'),
});
const approvals = createRoute({
  getParentRoute: () => shell,
  path: '/approvals',
  validateSearch: (search: Record<string, unknown>) =>
    kept({ state: oneOf(search['state'], [...approvalStates, 'all'] as const) }),
  component: lazyRouteComponent(() => import('./places/approvals.tsx'), 'Approvals'),
});
const approval = createRoute({
  getParentRoute: () => shell,
  path: '/approvals/$id',
  component: lazyRouteComponent(() => import('./places/approval.tsx'), 'ApprovalPage'),
});
const reviews = createRoute({
  getParentRoute: () => shell,
  path: '/reviews',
  validateSearch: (search: Record<string, unknown>) =>
    kept({ state: oneOf(search['state'], [...reviewStates, 'all'] as const) }),
  component: lazyRouteComponent(() => import('./places/reviews.tsx'), 'Reviews'),
});
const review = createRoute({
  getParentRoute: () => shell,
  path: '/reviews/$id',
  component: lazyRouteComponent(() => import('./places/review.tsx'), 'ReviewPage'),
});
const clearance = createRoute({
  getParentRoute: () => shell,
  path: '/clearances/$id',
  component: lazyRouteComponent(() => import('./places/clearance.tsx'), 'ClearancePage'),
});
const policy = createRoute({
  getParentRoute: () => shell,
  path: '/policy',
  component: lazyRouteComponent(() => import('./places/policy.tsx'), 'Policy'),
});
const combinations = createRoute({
  getParentRoute: () => shell,
  path: '/policy/combinations',
  validateSearch: (search: Record<string, unknown>) =>
    kept({
      agent: text(search['agent']),
      through: oneOf(search['through'], ['alone', 'task', 'person'] as const),
      finding: text(search['finding']),
    }),
  component: lazyRouteComponent(() => import('./places/combinations.tsx'), 'Combinations'),
});
const policyCandidate = createRoute({
  getParentRoute: () => shell,
  path: '/policy/$id',
  component: lazyRouteComponent(() => import('./places/policy-candidate.tsx'), 'PolicyCandidatePage'),
});
const activity = createRoute({
  getParentRoute: () => shell,
  path: '/activity',
  validateSearch: (search: Record<string, unknown>) =>
    kept({
      agent: text(search['agent']),
      outcome: oneOf(search['outcome'], outcomeWords),
      find: text(search['find']),
    }),
  component: lazyRouteComponent(() => import('./places/activity.tsx'), 'Activity'),
});
const action = createRoute({
  getParentRoute: () => shell,
  path: '/activity/$id',
  component: lazyRouteComponent(() => import('./places/action.tsx'), 'ActionPage'),
});
const lineage = createRoute({
  getParentRoute: () => shell,
  path: '/activity/$id/lineage',
  validateSearch: (search: Record<string, unknown>) =>
    kept({ direction: oneOf(search['direction'], ['from', 'to'] as const) }),
  component: lazyRouteComponent(() => import('./places/lineage.tsx'), 'LineagePage'),
});
const token = createRoute({
  getParentRoute: () => shell,
  path: '/tokens/$token',
  component: lazyRouteComponent(() => import('./places/token.tsx'), 'TokenPage'),
});
const tools = createRoute({
  getParentRoute: () => shell,
  path: '/tools',
  validateSearch: (search: Record<string, unknown>) =>
    kept({
      find: text(search['find']),
      state: oneOf(search['state'], ['active', 'quarantined', 'removed'] as const),
    }),
  component: lazyRouteComponent(() => import('./places/tools.tsx'), 'Tools'),
});
const tool = createRoute({
  getParentRoute: () => shell,
  path: '/tools/$server/$name',
  component: lazyRouteComponent(() => import('./places/tool.tsx'), 'ToolPage'),
});
const sources = createRoute({
  getParentRoute: () => shell,
  path: '/sources',
  component: lazyRouteComponent(() => import('./places/sources.tsx'), 'Sources'),
});
const stopped = createRoute({
  getParentRoute: () => shell,
  path: '/stopped',
  component: lazyRouteComponent(() => import('./places/stopped.tsx'), 'Stopped'),
});
const notifications = createRoute({
  getParentRoute: () => shell,
  path: '/notifications',
  validateSearch: (search: Record<string, unknown>) =>
    kept({ show: oneOf(search['show'], ['open', 'all'] as const) }),
  component: lazyRouteComponent(() => import('./places/notifications.tsx'), 'Notifications'),
});
const notification = createRoute({
  getParentRoute: () => shell,
  path: '/notifications/$id',
  component: lazyRouteComponent(() => import('./places/notification.tsx'), 'NotificationPage'),
});
const evidence = createRoute({
  getParentRoute: () => shell,
  path: '/evidence',
  component: lazyRouteComponent(() => import('./places/evidence.tsx'), 'Evidence'),
});
const me = createRoute({
  getParentRoute: () => shell,
  path: '/me',
  component: lazyRouteComponent(() => import('./places/me.tsx'), 'MePage'),
});

const routeTree = rootRoute.addChildren([
  signIn,
  shell.addChildren([
    overview,
    agents,
    agent,
    tryLevel,
    agentRights,
    approvals,
    approval,
    reviews,
    review,
    clearance,
    policy,
    combinations,
    policyCandidate,
    activity,
    action,
    lineage,
    token,
    tools,
    tool,
    sources,
    stopped,
    notifications,
    notification,
    evidence,
    me,
  ]),
]);

/** Plain query strings: `?agent=junior-support&outcome=refused` is what a colleague should get. */
const parseSearch = (search: string): Record<string, unknown> =>
  Object.fromEntries(new URLSearchParams(search));
const stringifySearch = (search: Record<string, unknown>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query.toString()}`;
};

export const router = createRouter({
  routeTree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => (
    <div className="mx-auto max-w-xl p-6">
      <FaultNote error={error} retry={reset} />
    </div>
  ),
  defaultNotFoundComponent: () => <Empty>There is nothing at this address.</Empty>,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
