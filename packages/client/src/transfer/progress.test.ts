import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Desk } from './desk.ts'
import { Progress } from './progress.ts'

const MIB = 2 ** 20

/** A line that carries so much, behind a buffer that takes bytes at once. */
interface Line {
  readonly bytesPerSecond: number
  readonly buffer: number
  /** Held by the provider when the upload is taken up. */
  readonly held: number
  /** Bytes per request. */
  readonly chunk: number
}

const lines = fc.record({
  bytesPerSecond: fc.integer({ min: 100_000, max: 20 * MIB }),
  buffer: fc.integer({ min: 0, max: 4 * MIB }),
  held: fc.integer({ min: 0, max: 2 ** 40 }),
  chunk: fc.integer({ min: MIB, max: 64 * MIB }),
})

/** Lets a line run and looks at the meter ten times a second. */
function run(progress: Progress, clock: { now: number }, line: Line, seconds: number, look: () => void) {
  const { bytesPerSecond, buffer, held, chunk } = line
  const began = clock.now
  let acknowledged = held
  let given = 0
  progress.acknowledged(held)
  for (let tick = 1; tick <= seconds * 10; tick++) {
    clock.now = began + tick * 100
    const carried = (bytesPerSecond * tick) / 10
    // The buffer is full from the first moment; after that it takes what the line carries.
    progress.flying(carried + buffer - given)
    given = carried + buffer
    if (held + carried - acknowledged >= chunk) {
      progress.flying(acknowledged - held - carried)
      acknowledged = held + carried
      progress.acknowledged(acknowledged)
    }
    look()
  }
}

describe('speed and time left', () => {
  it('are those of the line from the first second of a resume, whatever is held or buffered', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const clock = { now: 1_000_000 }
        const total = line.held + line.bytesPerSecond * 100
        const progress = new Progress(new Desk(), total, undefined, () => clock.now)
        run(progress, clock, line, 12, () => {
          if (clock.now < 1_001_000) return
          // The buffer is emptied and filled again with each request.
          expect(progress.speed).toBeLessThanOrEqual(line.bytesPerSecond * 1.01)
          expect(progress.speed).toBeGreaterThanOrEqual(line.bytesPerSecond * 0.99)
          expect(progress.eta).toBeCloseTo((total - progress.sent) / progress.speed, 5)
        })
      }),
    )
  })

  it('count neither the time of a pause nor what arrived during it', () => {
    fc.assert(
      fc.property(lines, lines, fc.integer({ min: 1, max: 3_600_000 }), (before, after, pause) => {
        const clock = { now: 1_000_000 }
        const desk = new Desk()
        desk.claim()
        const start = { ...before, held: 0 }
        const progress = new Progress(desk, 2 ** 42, undefined, () => clock.now)
        run(progress, clock, start, 3, () => {})
        desk.pause(false)
        expect([progress.speed, progress.eta]).toEqual([0, undefined])
        clock.now += pause
        desk.resume()
        const resumed = clock.now
        progress.flying(-start.bytesPerSecond * 3 - start.buffer + Math.max(0, progress.loaded))
        run(progress, clock, { ...after, held: progress.sent }, 8, () => {
          if (clock.now >= resumed + 1000)
            expect(progress.speed).toBeLessThanOrEqual(after.bytesPerSecond * 1.01)
        })
      }),
    )
  })

  it('never make a number fall or pass the total', () => {
    const steps = fc.array(
      fc.record({ acknowledged: fc.option(fc.nat(200)), flying: fc.integer({ min: -50, max: 80 }) }),
    )
    fc.assert(
      fc.property(steps, (moves) => {
        let now = 0
        const seen: [number, number][] = []
        const progress = new Progress(
          new Desk(),
          100,
          ({ loaded, sent }) => seen.push([loaded, sent]),
          () => (now += 60),
        )
        for (const { acknowledged, flying } of moves) {
          if (acknowledged !== null) progress.acknowledged(acknowledged)
          progress.flying(flying)
          expect(progress.speed).toBeGreaterThanOrEqual(0)
        }
        for (const [index, [loaded, sent]] of seen.entries()) {
          const [before, sentBefore] = seen[index - 1] ?? [0, 0]
          expect(loaded >= before && sent >= sentBefore && loaded <= sent && sent <= 100).toBe(true)
        }
      }),
    )
  })
})
