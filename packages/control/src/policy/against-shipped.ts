/** Room: policy (S-2). What the version in force loosens against the set that this version of ATF ships: compared once for each set. */
import type { Control } from '../context.ts';
import type { Cedar } from './cedar.ts';
import { contentOf, type Content, looseningsOf } from './candidates.ts';
import { compileFiles, readPolicyFiles } from './files.ts';
import { activeSet } from './store.ts';

/** undefined: there is no shipped set beside this program, or it cannot be read. */
export type Loosened = readonly string[] | undefined;

export class AgainstShipped {
  private readonly cedar: Cedar;
  private readonly dir: string;
  private shipped: Promise<Content | undefined> | undefined;
  private known: { readonly digest: string; readonly loosens: Promise<Loosened> } | undefined;

  constructor(cedar: Cedar, dir: string) {
    this.cedar = cedar;
    this.dir = dir;
  }

  async loosens(control: Control): Promise<Loosened> {
    const active = await activeSet(control.db, control.config.tenant);
    if (active === undefined) return undefined;
    if (this.known?.digest !== active.digest)
      this.known = { digest: active.digest, loosens: this.compare(contentOf(active)) };
    return this.known.loosens;
  }

  private async compare(live: Content): Promise<Loosened> {
    this.shipped ??= this.read();
    const shipped = await this.shipped;
    return shipped === undefined ? undefined : looseningsOf(shipped, live);
  }

  private async read(): Promise<Content | undefined> {
    const files = await readPolicyFiles(this.dir).catch(() => undefined);
    const result = files === undefined ? undefined : await compileFiles(this.cedar, files);
    return result?.ok === true ? result.set : undefined;
  }
}
