/**
 * Collections for what comes and goes all the time, such as requests under way.
 *
 * When V8 makes the table of a `Map` or `Set` anew, which it does every few changes, the old table points to the new
 * one. An old table that has outlived two collections therefore keeps all that follow it, with everything that was in
 * them, until V8 next marks the whole heap: nothing that was ever in the map dies young. An array has no such past.
 */

/** A set whose members are found again by the number that they got. */
export class Slots<V extends object> {
  #members: (V | undefined)[] = []
  #free: number[] = []

  get size(): number {
    return this.#members.length - this.#free.length
  }

  /** @returns its number, until it is removed */
  add(member: V): number {
    const slot = this.#free.pop() ?? this.#members.length
    this.#members[slot] = member
    return slot
  }

  get(slot: number): V | undefined {
    return this.#members[slot]
  }

  replace(slot: number, member: V): void {
    this.#members[slot] = member
  }

  /** Once for each that was added. */
  remove(slot: number): void {
    this.#members[slot] = undefined
    this.#free.push(slot)
  }

  *[Symbol.iterator](): Generator<V> {
    for (const member of this.#members) if (member !== undefined) yield member
  }
}

/** A map in the order in which keys were put in; its table holds keys and numbers only. */
export class SlotMap<K extends string | number, V extends object> {
  readonly #slotOf = new Map<K, number>()
  readonly #slots = new Slots<V>()

  get size(): number {
    return this.#slotOf.size
  }

  has(key: K): boolean {
    return this.#slotOf.has(key)
  }

  get(key: K): V | undefined {
    const slot = this.#slotOf.get(key)
    return slot === undefined ? undefined : this.#slots.get(slot)
  }

  set(key: K, value: V): void {
    const slot = this.#slotOf.get(key)
    if (slot === undefined) this.#slotOf.set(key, this.#slots.add(value))
    else this.#slots.replace(slot, value)
  }

  delete(key: K): boolean {
    const slot = this.#slotOf.get(key)
    if (slot === undefined) return false
    this.#slots.remove(slot)
    return this.#slotOf.delete(key)
  }

  clear(): void {
    for (const key of this.#slotOf.keys()) this.delete(key)
  }

  keys(): IterableIterator<K> {
    return this.#slotOf.keys()
  }

  *values(): Generator<V> {
    for (const slot of this.#slotOf.values()) yield this.#slots.get(slot) as V
  }
}
