/** Two priorities; within each, groups take turns, and within a group who came first goes first. */
export class FairQueue<Item> {
  readonly #levels = [new Map<string, Item[]>(), new Map<string, Item[]>()] as const;
  #size = 0;
  #taken = 0;

  get size(): number {
    return this.#size;
  }

  push(item: Item, group: string, background: boolean): void {
    const level = this.#levels[background ? 1 : 0];
    const items = level.get(group);
    if (items === undefined) level.set(group, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** The next to go, left in place. */
  peek(): Item | undefined {
    return this.#front()?.items[0];
  }

  /** Takes the next to go and moves its group to the end of the turn. */
  shift(): Item | undefined {
    const front = this.#front();
    if (front === undefined) return undefined;
    const { level, group, items } = front;
    const item = items.shift();
    level.delete(group);
    if (items.length > 0) level.set(group, items);
    this.#size -= 1;
    this.#taken += 1;
    return item;
  }

  remove(item: Item): boolean {
    for (const level of this.#levels) {
      for (const [group, items] of level) {
        const index = items.indexOf(item);
        if (index === -1) continue;
        items.splice(index, 1);
        if (items.length === 0) level.delete(group);
        this.#size -= 1;
        return true;
      }
    }
    return false;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (const level of this.#levels) for (const items of level.values()) yield* items;
  }

  /** Interactive first, but every eighth place is the background's: it is slowed, not starved. */
  #front(): { level: Map<string, Item[]>; group: string; items: Item[] } | undefined {
    const [interactive, background] = this.#levels;
    const order = this.#taken % 8 === 7 ? [background, interactive] : [interactive, background];
    for (const level of order) {
      for (const [group, items] of level) return { level, group, items };
    }
    return undefined;
  }
}
