/** Milliseconds over which the speed of a whole run is measured. */
const WINDOW = 5000

/** Of everything together: files come and go, and each starts its own count at nothing. */
export function speedometer(now: () => number = Date.now): (bytes: number) => number {
  let samples: { readonly at: number; readonly bytes: number }[] = []
  return (bytes) => {
    const at = now()
    samples = [...samples.filter((sample) => at - sample.at <= WINDOW), { at, bytes }]
    const [first] = samples
    return first === undefined || at === first.at ? 0 : ((bytes - first.bytes) * 1000) / (at - first.at)
  }
}
