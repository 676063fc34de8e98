/** The rate limits and totals of a control that tests stand in for, by the same rules as the real one. */
import { grantCalls } from '@atf/core/segmentation/rate';
import {
  reservedBefore,
  TotalBook,
  type TotalHold,
  type TotalState,
  totalKeysOf,
} from '@atf/core/segmentation/total-book';
import { routes } from '@atf/core/wire/api';

export class Budgets {
  readonly #arrivals = new Map<string, number>();

  /** Answers the body of `gateway.leaseCalls`. */
  lease(body: unknown, nowMs: number) {
    const { asks } = routes['gateway.leaseCalls'].body.parse(body);
    const grants = asks.map(({ agentId, limit, max, perSeconds, wanted }) => {
      const key = `${agentId} ${limit} ${max} ${perSeconds}`;
      const rate = { max, perSeconds };
      const grant = grantCalls(this.#arrivals.get(key), nowMs, rate, wanted);
      this.#arrivals.set(key, grant.nextMs);
      return { granted: grant.granted, retryAfterMs: grant.retryAfterMs };
    });
    return { grants };
  }

  readonly #totals = new Map<string, TotalState>();
  readonly #holds: (TotalHold & { readonly gateway: string; readonly atMs: number })[] = [];

  /** Answers the body of `gateway.reserveTotals`. */
  reserve(body: unknown, nowMs: number, gateway = 'gateway') {
    const { asks } = routes['gateway.reserveTotals'].body.parse(body);
    const book = this.#book(nowMs, totalKeysOf(asks));
    const answers = asks.map((ask) => {
      if (this.#holds.some(({ holdId }) => holdId === ask.holdId)) return reservedBefore(ask);
      const { answer, holds } = book.reserve(ask);
      this.#holds.push(...holds.map((hold) => ({ ...hold, gateway, atMs: nowMs })));
      return answer;
    });
    this.#keep(book);
    return { answers };
  }

  /** Answers the body of `gateway.settleTotals`. */
  settle(body: unknown, nowMs: number) {
    const { settled } = routes['gateway.settleTotals'].body.parse(body);
    const book = this.#book(nowMs, this.#holds);
    const answers = settled.map((call) => {
      const own = this.#holds.filter(({ holdId }) => holdId === call.holdId);
      for (const hold of own) this.#holds.splice(this.#holds.indexOf(hold), 1);
      return book.settle(call, own);
    });
    this.#keep(book);
    return { answers };
  }

  /** A gateway is a new process since `upMs`. */
  started(gateway: string, upMs: number, nowMs: number): void {
    const over = this.#holds.filter((hold) => hold.gateway === gateway && hold.atMs < nowMs - upMs);
    for (const hold of over) {
      this.#holds.splice(this.#holds.indexOf(hold), 1);
      const key = `${hold.agentId} ${hold.key}`;
      const state = this.#totals.get(key);
      if (state !== undefined) this.#totals.set(key, { ...state, held: state.held - 1 });
    }
  }

  /** Calls that hold something. */
  get held(): number {
    return new Set(this.#holds.map(({ holdId }) => holdId)).size;
  }

  #book(nowMs: number, keys: readonly { readonly agentId: string; readonly key: string }[]): TotalBook {
    const states = keys.flatMap(({ agentId, key }) => this.#totals.get(`${agentId} ${key}`) ?? []);
    return new TotalBook(nowMs, states);
  }

  #keep(book: TotalBook): void {
    for (const state of book.changed) this.#totals.set(`${state.agentId} ${state.key}`, state);
  }
}
