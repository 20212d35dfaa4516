/** How fast a transfer is, smoothed so that the figure can be read. */
export interface Pace {
  /** Begin at `bytes`: what is already there was not sent now. */
  reset(bytes: number, now: number): void
  note(bytes: number, now: number): void
  /** Bytes per second, or undefined until there is something to say. */
  speed(now: number): number | undefined
}

/** Older samples fade with this time constant, in milliseconds. */
const fade = 3000
/** Shorter intervals are gathered first: events come in bursts. */
const shortest = 250

export function createPace(): Pace {
  let lastBytes = 0
  let lastTime = 0
  let began = 0
  let smooth: number | undefined
  return {
    reset(bytes, now) {
      lastBytes = bytes
      lastTime = now
      began = now
      smooth = undefined
    },
    note(bytes, now) {
      const elapsed = now - lastTime
      if (elapsed < shortest) return
      const current = (1000 * Math.max(0, bytes - lastBytes)) / elapsed
      const weight = smooth === undefined ? 1 : 1 - Math.exp(-elapsed / fade)
      smooth = smooth === undefined ? current : smooth + weight * (current - smooth)
      lastBytes = bytes
      lastTime = now
    },
    speed(now) {
      // The first moments show how fast the system's buffers fill, not the network.
      if (smooth === undefined || now - began < 600) return undefined
      return smooth
    },
  }
}
