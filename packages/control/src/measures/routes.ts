/** Room: measures. */
import type { Handlers } from '../context.ts';
import { measuresOf } from './measures.ts';

export const measureRoutes: Handlers<'measures'> = {
  measures: (control) => measuresOf(control),
};
