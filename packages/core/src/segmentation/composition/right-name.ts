/** Room: segmentation (S-1). What a right is called: its tool, and of one table behind it what may be done to that. */
import type { RightTable } from '../../wire/policy-analysis.ts';

/** `warehouse/query`, or `warehouse/query (read public.orders)`. */
export const rightName = ({
  tool,
  table,
}: {
  readonly tool: string;
  readonly table?: RightTable | undefined;
}): string => (table === undefined ? tool : `${tool} (${table.operation} ${table.name})`);
