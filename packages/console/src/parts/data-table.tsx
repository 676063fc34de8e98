/**
 * The console's list: TanStack Table for the model, TanStack Virtual for the rows, the page's own scroll bar. Rows are one link
 * each; `j` and `k` move between them, Enter opens. It holds 100,000 rows because only what is visible stands in the document.
 */
import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFns,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  type MouseEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { rowKeyOf } from '../shell/keys.ts';

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel(), sortFns });

export interface ListColumn<T> {
  readonly id: string;
  readonly title: string;
  /** Grid track, for example `8rem` or `minmax(0,1fr)`. */
  readonly width: string;
  readonly cell: (row: T) => ReactNode;
  /** Value to sort by; absent: not sortable. */
  readonly sort?: (row: T) => string | number;
  /** On narrow screens a row has two lines of two cells: this one is hidden, or stands in the second line. */
  readonly narrow?: 'hide' | 'second';
  /** Only where there is room for everything. */
  readonly wideOnly?: boolean;
  readonly align?: 'right';
}

/** A column that shows, on wide screens, the very value that it is sorted by. */
export function valueColumn<T>(
  column: Omit<ListColumn<T>, 'cell' | 'sort'>,
  value: (row: T) => string | number,
): ListColumn<T> {
  return { narrow: 'hide', ...column, sort: value, cell: value };
}

interface DataTableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly ListColumn<T>[];
  readonly rowId: (row: T) => string;
  /** What Enter or a click on the row does; the first column holds the real link. */
  readonly onOpen?: (row: T) => void;
  readonly empty: ReactNode;
  /** Called when the end of the rows comes near. */
  readonly onEnd?: () => void;
  readonly foot?: ReactNode;
}

const rowHeightPx = 38;
const overscanRows = 12;
const endRows = 15;

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const { label, rows, columns, rowId, onOpen, empty, onEnd, foot } = props;
  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, T>();
    return columns.map(({ id, title, sort }) =>
      helper.accessor((row: T): unknown => (sort === undefined ? '' : sort(row)), {
        id,
        header: title,
        enableSorting: sort !== undefined,
      }),
    );
  }, [columns]);
  const data = useMemo(() => [...rows], [rows]);
  const table = useTable({ features, columns: definitions, data, getRowId: rowId });
  const model = table.getRowModel().rows;

  const body = useRef<HTMLDivElement>(null);
  const [marginPx, setMarginPx] = useState(0);
  useLayoutEffect(() => {
    const top = body.current?.getBoundingClientRect().top;
    if (top !== undefined) setMarginPx(top + window.scrollY);
  }, [rows.length === 0]);
  const virtual = useWindowVirtualizer({
    count: model.length,
    estimateSize: () => rowHeightPx,
    overscan: overscanRows,
    scrollMargin: marginPx,
    getItemKey: useCallback((index: number) => model[index]?.id ?? index, [model]),
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd !== undefined && last >= 0 && last >= model.length - endRows) onEnd();
  }, [last, model.length, onEnd]);

  useRowKeys(body, model.length, (index) => virtual.scrollToIndex(index));

  const lastSecond = columns.findLast(({ narrow }) => narrow === 'second');
  const tracksOf = (shown: readonly ListColumn<T>[]) => shown.map(({ width }) => width).join(' ');
  const tracks = {
    '--tracks': tracksOf(columns.filter(({ wideOnly }) => wideOnly !== true)),
    '--tracks-wide': tracksOf(columns),
  };
  return (
    <>
      <div role="table" aria-label={label} aria-rowcount={model.length + 1} style={tracks as never}>
        <div role="rowgroup" className="max-lg:sr-only">
          <div
            role="row"
            aria-rowindex={1}
            className="grid grid-cols-(--tracks) gap-x-4 border-b xl:grid-cols-(--tracks-wide) border-line px-4 py-2 text-xs font-medium text-ink-3"
          >
            {table.getHeaderGroups()[0]?.headers.map((header, index) => (
              <HeaderCell
                key={header.id}
                title={columns[index]?.title ?? ''}
                align={columns[index]?.align}
                wideOnly={columns[index]?.wideOnly ?? false}
                column={header.column}
              />
            ))}
          </div>
        </div>
        <div
          ref={body}
          role="rowgroup"
          className="relative"
          style={{ height: model.length === 0 ? 'auto' : virtual.getTotalSize() }}
        >
          {model.length === 0 && (
            <div role="row">
              <div role="cell">{empty}</div>
            </div>
          )}
          {items.map((item) => {
            const row = model[item.index];
            if (row === undefined) return null;
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                role="row"
                aria-rowindex={item.index + 2}
                onClick={(event) => {
                  if (onOpen !== undefined && isRowClick(event)) onOpen(row.original);
                }}
                className={`${rowClass} ${item.index === model.length - 1 ? '' : 'border-b'} ${onOpen === undefined ? '' : 'cursor-pointer hover:bg-sunken'}`}
                style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
              >
                {columns.map((column, index) => (
                  <div
                    key={column.id}
                    role="cell"
                    className={`${cellClass(column, index)} ${column === lastSecond ? 'max-lg:text-right' : ''}`}
                  >
                    {column.cell(row.original)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {foot}
    </>
  );
}

const rowClass =
  'absolute inset-x-0 top-0 grid min-h-[38px] grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1.5 border-line px-4 py-2 focus-within:bg-accent-soft lg:grid-cols-(--tracks) lg:gap-x-4 xl:grid-cols-(--tracks-wide)';

function cellClass<T>({ narrow, align, wideOnly }: ListColumn<T>, index: number): string {
  const onPhone = {
    hide: 'max-lg:hidden',
    second: 'max-lg:order-2 max-lg:text-xs max-lg:text-ink-2',
    first: index === 0 ? '' : 'max-lg:text-right',
  };
  return `min-w-0 truncate ${onPhone[narrow ?? 'first']} ${hiddenClass(wideOnly)} ${align === 'right' ? 'text-right tabular-nums' : ''}`;
}

function hiddenClass(wideOnly: boolean | undefined): string {
  return wideOnly === true ? 'max-xl:hidden' : '';
}

/** A click on a link or button in the row is that element's own, and the end of a selection is no click. */
function isRowClick(event: MouseEvent): boolean {
  const own = (event.target as Element).closest('a,button,input,select') !== null;
  return !own && window.getSelection()?.type !== 'Range';
}

interface HeaderCellProps {
  readonly title: string;
  readonly align: 'right' | undefined;
  readonly wideOnly: boolean;
  readonly column: {
    getIsSorted(): false | 'asc' | 'desc';
    getCanSort(): boolean;
    getToggleSortingHandler(): ((event: unknown) => void) | undefined;
  };
}

function HeaderCell({ title, align, wideOnly, column }: HeaderCellProps) {
  const sorted = column.getIsSorted();
  const order = sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined;
  return (
    <div
      role="columnheader"
      aria-sort={order}
      className={`${hiddenClass(wideOnly)} ${align === 'right' ? 'text-right' : ''}`}
    >
      {column.getCanSort() ? (
        <button
          type="button"
          className="-mx-1 rounded px-1 hover:text-ink"
          onClick={column.getToggleSortingHandler()}
        >
          {title}
          <span aria-hidden="true" className="ml-1 inline-block w-2">
            {sorted === 'asc' ? '↑' : sorted === 'desc' ? '↓' : ''}
          </span>
        </button>
      ) : (
        title
      )}
    </div>
  );
}

/** `j` and `k` move the focus between the rows' links; outside of text fields only. */
function useRowKeys(
  body: React.RefObject<HTMLDivElement | null>,
  count: number,
  reveal: (index: number) => void,
): void {
  const revealRef = useRef(reveal);
  revealRef.current = reveal;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = rowKeyOf(event);
      const element = body.current;
      if (step === undefined || element === null || count === 0) return;
      const active = document.activeElement?.closest<HTMLElement>('[data-index]');
      // With several lists on a page, the one that holds the focus answers; without focus, the first.
      if (active !== null && active !== undefined && !element.contains(active)) return;
      if (
        (active === null || active === undefined) &&
        document.querySelector('[role=table] [data-index]')?.parentElement !== element
      )
        return;
      const at = active === null || active === undefined ? -1 : Number(active.dataset['index']);
      const next = Math.max(0, Math.min(count - 1, at + step));
      event.preventDefault();
      const focus = () =>
        element
          .querySelector<HTMLElement>(`[data-index="${next}"] a, [data-index="${next}"] button`)
          ?.focus();
      if (element.querySelector(`[data-index="${next}"]`) === null) {
        revealRef.current(next);
        requestAnimationFrame(() => requestAnimationFrame(focus));
      } else {
        focus();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [body, count]);
}
