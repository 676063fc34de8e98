/** The end of a list that comes by pages: the next one is asked for as the reader comes near, and a line says whether there are more. */
import { useCallback } from 'react';

interface Pages {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  fetchNextPage(): unknown;
}

/** For `onEnd` of the table: asks for the next page, once at a time. */
export function useNextPage({ hasNextPage, isFetchingNextPage, fetchNextPage }: Pages): () => void {
  return useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
}

export function MorePages({ pages, what }: { readonly pages: Pages; readonly what: string }) {
  if (!pages.hasNextPage) return null;
  return (
    <p role="status" className="px-4 py-2 text-xs text-ink-3">
      {pages.isFetchingNextPage ? `Loading more ${what}` : `Scroll for more ${what}`}
    </p>
  );
}
