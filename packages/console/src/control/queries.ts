/** TanStack Query over the route table: the operation id is the key, so that an event can say which answers are old. */
import type { OperationId, ResponseOf } from '@atf/core/wire/api';
import type { CallInput } from '@atf/sdk/client';
import { ControlRefusal } from '@atf/sdk/control-refusal';
import {
  type InfiniteData,
  keepPreviousData,
  QueryCache,
  QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { call } from './client.ts';
import { isRefusal } from './fault.ts';

const retriesMax = 2;
const staleMs = 2_000;

export function makeQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        // The session ended: the frame asks who is signed in, and says what helps.
        if (isRefusal(error, 'people.sign_in_required') && query.queryKey[0] !== 'people.me')
          void client.invalidateQueries({ queryKey: ['people.me'] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: staleMs,
        // A refusal is an answer. Only a lost connection is worth another try.
        retry: (failures, error) => failures < retriesMax && !(error instanceof ControlRefusal),
      },
      mutations: { retry: false },
    },
  });
  return client;
}

export interface AnswerOptions {
  /** Asks again on this beat while the page is visible, beside what the live stream announces. */
  readonly everyMs?: number;
  readonly enabled?: boolean;
  /** Keeps the last answer on screen while a new input loads. */
  readonly keep?: boolean;
  /** Asked once while the page is open: the asking itself is on record. */
  readonly once?: boolean;
}

/** The answer to a reading operation. */
export function useAnswer<K extends OperationId>(
  operation: K,
  input: CallInput<K>,
  options: AnswerOptions = {},
) {
  return useQuery<ResponseOf<K>, Error>({
    queryKey: [operation, input],
    queryFn: ({ signal }) => call(operation, input, signal),
    enabled: options.enabled ?? true,
    ...(options.everyMs === undefined ? {} : { refetchInterval: options.everyMs }),
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
    ...(options.once ? { staleTime: 'static' } : {}),
  });
}

export interface PagesOptions<T> {
  readonly pageItems: number;
  /** Where the page after this row begins. */
  readonly cursorOf: (last: T) => string;
  /** Asks again on this beat while only the first page is loaded; longer lists are renewed by what the live stream announces. */
  readonly everyMs?: number;
  /** Never old by age: the live stream brings what is new, and says when something is missing. */
  readonly live?: boolean;
}

/** A list by pages: each begins after the last row of the one before. A page that is not full is the last one. */
export function usePages<T>(
  key: readonly [OperationId, unknown],
  page: (cursor: string | undefined, signal: AbortSignal) => Promise<{ readonly items: readonly T[] }>,
  { pageItems, cursorOf, everyMs, live = false }: PagesOptions<T>,
) {
  type Page = Awaited<ReturnType<typeof page>>;
  return useInfiniteQuery<Page, Error, InfiniteData<Page>, readonly unknown[], string | undefined>({
    queryKey: [...key, 'pages'],
    initialPageParam: undefined,
    queryFn: ({ pageParam, signal }) => page(pageParam, signal),
    getNextPageParam: ({ items }) => {
      const last = items.at(-1);
      return items.length < pageItems || last === undefined ? undefined : cursorOf(last);
    },
    ...(live ? { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false } : {}),
    ...(everyMs === undefined
      ? {}
      : { refetchInterval: ({ state }) => ((state.data?.pages.length ?? 1) === 1 ? everyMs : false) }),
  });
}

/** A changing operation; afterwards the named answers count as old. */
export function useChange<K extends OperationId>(operation: K, makesOld: readonly OperationId[] = []) {
  const client = useQueryClient();
  return useMutation<ResponseOf<K>, Error, CallInput<K> & { readonly clearance?: string }>({
    mutationFn: ({ clearance, ...input }) => call(operation, input as CallInput<K>, undefined, clearance),
    onSettled: () => {
      for (const key of makesOld) void client.invalidateQueries({ queryKey: [key] });
    },
  });
}
