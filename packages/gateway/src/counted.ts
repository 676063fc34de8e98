/** How many of one agent are under way, and of all. */
export class Counted {
  readonly #of = new Map<string, number>();
  all = 0;

  of(agentId: string): number {
    return this.#of.get(agentId) ?? 0;
  }

  add(agentId: string, change: 1 | -1): void {
    const count = this.of(agentId) + change;
    this.all += change;
    if (count === 0) this.#of.delete(agentId);
    else this.#of.set(agentId, count);
  }
}
