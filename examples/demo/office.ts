/** The back office's own log of what it did to the world: the story is checked there, not in what anybody answers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Effect {
  readonly n: number;
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly effect: string;
  readonly id?: string;
  readonly orderId?: string;
  readonly amount?: number;
}

export class OfficeLog {
  private readonly file: string;
  private readonly stateFile: string;

  constructor(dataDir: string) {
    this.file = join(dataDir, 'back-office', 'effects.log');
    this.stateFile = join(dataDir, 'back-office', 'state.json');
  }

  /** Effects after number `after`, oldest first. A line that is being written is not one yet. */
  since(after: number, word?: string): Effect[] {
    let text = '';
    try {
      text = readFileSync(this.file, 'utf8');
    } catch {
      return [];
    }
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const effects = whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Effect);
    return effects.filter(({ n, effect }) => n > after && (word === undefined || effect === word));
  }

  /** Number of the newest effect. */
  last(): number {
    return this.since(0).at(-1)?.n ?? 0;
  }

  statusOf(order: string): string {
    const state = JSON.parse(readFileSync(this.stateFile, 'utf8')) as {
      orders: { id: string; status: string }[];
    };
    return state.orders.find(({ id }) => id === order)?.status ?? 'unknown';
  }
}
