/** What joins two nodes of lineage, in words for people. */
import type { LineageEdge } from './lineage.ts';

export function lineageWords({
  join,
  sure,
  argument,
}: Pick<LineageEdge, 'join' | 'sure' | 'argument'>): string {
  if (join === 'value') return argument === undefined || argument === '' ? 'value' : `value of ${argument}`;
  if (join === 'given') return sure ? 'its result was given to' : 'had been read before';
  if (join === 'made') return sure ? 'made in' : 'done afterwards';
  return { task: 'on the task', delegated: 'delegated', read: 'read', changed: 'changed' }[join];
}
