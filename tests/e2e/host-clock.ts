/**
 * The wall clock of the processes under test, which jumps while they run: libfaketime in front of the C library, told by a file. Their monotonic clocks go on, as
 * those of a host do whose time is set. The test is on the same host: its own `Date.now` jumps too.
 */
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { replaceFile } from './product.ts';

/** Of Debian's package libfaketime, or where ATF_LIBFAKETIME says; undefined: there is none. */
export const libfaketime: string | undefined =
  process.env['ATF_LIBFAKETIME'] ?? globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0];

export class HostClock {
  /** For the processes whose clock it is. */
  readonly env: Record<string, string>;
  readonly #file: string;
  readonly #now = Date.now;
  #aheadMs = 0;

  /** `dir`: holds the file. */
  constructor(dir: string) {
    this.#file = join(dir, 'clock');
    writeFileSync(this.#file, '+0\n');
    this.env = {
      LD_PRELOAD: libfaketime ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
    vi.spyOn(Date, 'now').mockImplementation(() => this.#now() + this.#aheadMs);
  }

  /** From now on every clock says the true time plus this. */
  set(aheadSeconds: number): void {
    replaceFile(this.#file, `${aheadSeconds < 0 ? '-' : '+'}${Math.abs(aheadSeconds)}\n`);
    this.#aheadMs = aheadSeconds * 1_000;
  }

  restore(): void {
    vi.mocked(Date.now).mockRestore();
  }
}
