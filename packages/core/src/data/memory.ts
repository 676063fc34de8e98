/** Room: data (D-2). What holds for writes to memories where settings say nothing, and which settings say less than others. Pure. */
import { isWeaker } from './output/defaults.ts';
import type { Memory } from '../wire/memory.ts';

export type WholeMemory = { readonly [word in keyof Memory]-?: NonNullable<Memory[word]> };

export const memoryDefault: WholeMemory = { orders: 'review', alikeMax: 10, repeated: 'review' };

export const wholeMemory = ({
  orders = memoryDefault.orders,
  alikeMax = memoryDefault.alikeMax,
  repeated = memoryDefault.repeated,
}: Memory = {}): WholeMemory => ({ orders, alikeMax, repeated });

/** What is let through that was not before: one plain sentence each. */
export function looserMemory(before: Memory | undefined, after: Memory | undefined): string[] {
  const [was, is] = [wholeMemory(before), wholeMemory(after)];
  const weaker = (['orders', 'repeated'] as const).filter((word) => isWeaker(was[word], is[word]));
  return [
    ...weaker.map((word) => `settings memory.${word}: ${was[word]} becomes ${is[word]}`),
    ...(is.alikeMax > was.alikeMax
      ? [`settings memory.alikeMax: ${was.alikeMax} becomes ${is.alikeMax}`]
      : []),
  ];
}
