/** How fast bytes have left, second by second: what the graphs show. No browser, no clock of its own. */

/** Seconds that a graph shows. */
export const SHOWN = 60
/** Seconds over which the speed is averaged that stands beside the graph. */
const RECENT = 5

export interface Speeds {
  /** Bytes a second, the newest last. */
  readonly total: readonly number[]
  readonly each: ReadonlyMap<string, readonly number[]>
}

export interface Moving {
  readonly id: string
  /** Bytes. */
  readonly sent: number
  readonly moving: boolean
}

export const NO_SPEEDS: Speeds = { total: [], each: new Map() }

/** To be called once a second. `before` holds where each one was, and is brought up to date. */
export function sample(speeds: Speeds, now: readonly Moving[], before: Map<string, number>): Speeds {
  const each = new Map<string, readonly number[]>()
  let total = 0
  for (const { id, sent, moving } of now) {
    const was = before.get(id)
    before.set(id, sent)
    // What was there when it was first seen was not sent now.
    const moved = was === undefined ? 0 : Math.max(0, sent - was)
    total += moved
    const known = speeds.each.get(id)
    if (moving) each.set(id, [...(known ?? []), moved].slice(-SHOWN))
    // The same value, so that its row is not drawn again.
    else if (known !== undefined) each.set(id, known)
  }
  return { total: [...speeds.total, total].slice(-SHOWN), each }
}

/** Bytes a second as of now; undefined until there is something to say. */
export function recent(samples: readonly number[]): number | undefined {
  const last = samples.slice(-RECENT)
  return last.length < 2 ? undefined : last.reduce((sum, speed) => sum + speed, 0) / last.length
}
