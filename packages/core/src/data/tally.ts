/** Room: data (D-3). What several inspections have found together. */
import type { Category, Detector } from './detectors/detector.ts';
import type { Inspection } from './inspect.ts';
import type { Hiding } from './text-views.ts';

export class Tally implements Inspection {
  readonly found = new Map<string, number>();
  readonly categories = new Set<Category>();
  readonly hidden = new Set<Hiding>();
  masked = 0;
  unchecked = false;
  whole = true;
  uninspected = false;

  count({ id, category }: Pick<Detector, 'id' | 'category'>, places = 1): void {
    this.found.set(id, (this.found.get(id) ?? 0) + places);
    this.categories.add(category);
  }

  add({ found, categories, hidden, masked, unchecked, whole, uninspected }: Inspection): void {
    for (const [id, places] of found) this.found.set(id, (this.found.get(id) ?? 0) + places);
    for (const each of categories) this.categories.add(each);
    for (const each of hidden) this.hidden.add(each);
    this.masked += masked;
    this.unchecked ||= unchecked;
    this.whole &&= whole;
    this.uninspected ||= uninspected;
  }
}
