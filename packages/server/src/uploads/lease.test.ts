import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { UploadError } from './errors.ts'
import { Leases, PROTECTED_MS, SILENCE_MS } from './lease.ts'
import { newUploadId } from './upload.ts'

const IDLE = 60_000
const id = newUploadId()
let leases: Leases

beforeEach(() => {
  vi.useFakeTimers()
  leases = new Leases(IDLE)
})
afterEach(async () => {
  vi.useRealTimers()
})

/** A holder whose client is silent from now on, and who lets go `after` ms after it was ended. */
async function silentHolder(after = 0) {
  const holder = await leases.acquire(id, 'patient')
  holder.offset = 7
  holder.waiting()
  holder.ended.addEventListener('abort', () => {
    if (after === 0) holder.release()
    else setTimeout(() => holder.release(), after)
  })
  return holder
}

/** The outcome of a promise as a value that can be looked at before it is there. */
function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown; done: boolean } = { done: false }
  promise.then(
    (value) => Object.assign(seen, { value, done: true }),
    (error: unknown) => Object.assign(seen, { error, done: true }),
  )
  return seen
}

const settled = () => vi.advanceTimersByTimeAsync(0)
const BUSY = expect.objectContaining({ code: 'busy', offset: 7 })

describe('a lease', () => {
  test('is given at once when nobody holds it, with a number that grows', async () => {
    const first = await leases.acquire(id, 'patient')
    expect(leases.holder(id)).toBe(first)
    first.release()
    expect(leases.holder(id)).toBeUndefined()
    const second = await leases.acquire(id, 'patient')
    expect(second.fence).toBeGreaterThan(first.fence)
    expect(vi.getTimerCount()).toBe(1)
  })

  test('of one upload does not concern another', async () => {
    await silentHolder()
    const other = await leases.acquire(newUploadId(), 'patient')
    expect(leases.size).toBe(2)
    expect(other.ended.aborted).toBe(false)
  })

  test('let go twice, or late, takes nothing from the next holder', async () => {
    const first = await leases.acquire(id, 'patient')
    first.release()
    const second = await leases.acquire(id, 'patient')
    first.release()
    expect(leases.holder(id)).toBe(second)
  })
})

describe('silence', () => {
  test('counts only while the client is waited for', async () => {
    const holder = await leases.acquire(id, 'patient')
    vi.advanceTimersByTime(1000)
    expect(holder.silence()).toBe(0)
    holder.waiting()
    vi.advanceTimersByTime(300)
    expect(holder.silence()).toBe(300)
    holder.waiting()
    expect(holder.silence()).toBe(300)
    holder.working()
    vi.advanceTimersByTime(1000)
    expect(holder.silence()).toBe(0)
    holder.waiting()
    vi.advanceTimersByTime(20)
    expect(holder.silence()).toBe(20)
    holder.heard()
    expect(holder.silence()).toBe(0)
  })

  test('is not touched by a step of the wall clock', async () => {
    const holder = await silentHolder()
    vi.setSystemTime(Date.now() + 3_600_000)
    expect(holder.silence()).toBe(0)
    vi.setSystemTime(Date.now() - 7_200_000)
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
    expect(holder.silence()).toBe(SILENCE_MS)
  })
})

describe('a patient newcomer', () => {
  test('takes over from a holder that was silent for 500 ms, once that let go', async () => {
    const holder = await silentHolder(40)
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 1)
    expect(holder.ended.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(holder.ended.aborted).toBe(true)
    expect(holder.ended.reason).toBe('displaced')
    await vi.advanceTimersByTimeAsync(39)
    expect(newcomer.done).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(newcomer.value).toBe(leases.holder(id))
    expect(newcomer.value?.fence).toBeGreaterThan(holder.fence)
  })

  test('counts the silence from before it came', async () => {
    const holder = await silentHolder()
    await vi.advanceTimersByTimeAsync(450)
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(49)
    expect(holder.ended.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(newcomer.value).toBe(leases.holder(id))
  })

  test('goes past a holder that has been silent for long at once', async () => {
    await silentHolder()
    await vi.advanceTimersByTimeAsync(5000)
    const newcomer = watch(leases.acquire(id, 'patient'))
    await settled()
    expect(newcomer.done).toBe(true)
  })

  test('is told that a holder which hears from its client lives, and how far it is', async () => {
    const holder = await silentHolder()
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(400)
    holder.heard()
    await settled()
    expect(newcomer.error).toBeInstanceOf(UploadError)
    expect(newcomer.error).toEqual(BUSY)
    expect(holder.ended.aborted).toBe(false)
  })

  test('does not take a slow disk for a silent client, and is told so after a while', async () => {
    const holder = await silentHolder()
    holder.working()
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(1900)
    expect(newcomer.done).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    expect(newcomer.error).toEqual(BUSY)
    expect(holder.ended.aborted).toBe(false)
  })

  test('is not kept waiting by others who come after it', async () => {
    const holder = await silentHolder()
    holder.working()
    const first = watch(leases.acquire(id, 'patient'))
    for (let n = 0; n < 10; n += 1) {
      watch(leases.acquire(id, 'patient'))
      await vi.advanceTimersByTimeAsync(300)
    }
    expect(first.error).toEqual(BUSY)
  })

  test('that came during a slow write goes on 500 ms after the write, if the client is silent then', async () => {
    const holder = await silentHolder()
    holder.working()
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(1000)
    holder.waiting()
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 1)
    expect(holder.ended.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(newcomer.value).toBe(leases.holder(id))
  })

  test('is not fooled by a holder that was silent when it came and wrote since', async () => {
    const holder = await silentHolder()
    const newcomer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(300)
    holder.working()
    await vi.advanceTimersByTimeAsync(300)
    expect(holder.ended.aborted).toBe(false)
    expect(newcomer.value).toBeUndefined()
  })

  test('gets the lease when the holder is done by itself, and nobody was displaced', async () => {
    const holder = await leases.acquire(id, 'patient')
    const newcomer = watch(leases.acquire(id, 'patient'))
    await settled()
    holder.release()
    await settled()
    expect(newcomer.value).toBe(leases.holder(id))
    expect(holder.ended.aborted).toBe(false)
  })

  test('that leaves while it waits takes nothing and leaves nothing behind', async () => {
    const holder = await silentHolder()
    const timers = vi.getTimerCount()
    const leaving = new AbortController()
    const gone = watch(leases.acquire(id, 'patient', leaving.signal))
    await vi.advanceTimersByTimeAsync(100)
    leaving.abort(new Error('the client has gone'))
    await settled()
    expect(gone.error).toEqual(new Error('the client has gone'))
    await vi.advanceTimersByTimeAsync(5000)
    expect(holder.ended.aborted).toBe(false)
    expect(vi.getTimerCount()).toBe(timers)
    expect(getEventListeners(leaving.signal, 'abort')).toEqual([])
  })

  test('that had left before it came is turned away', async () => {
    const holder = await silentHolder()
    const gone = watch(leases.acquire(id, 'patient', AbortSignal.abort(new Error('gone'))))
    await vi.advanceTimersByTimeAsync(5000)
    expect(gone.error).toEqual(new Error('gone'))
    expect(holder.ended.aborted).toBe(false)
  })

  test('leaves nothing on its signal once it was answered', async () => {
    const holder = await silentHolder()
    const { signal } = new AbortController()
    const newcomer = watch(leases.acquire(id, 'patient', signal))
    await settled()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    holder.heard()
    await settled()
    expect(newcomer.done).toBe(true)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('who took over', () => {
  async function successor() {
    await silentHolder()
    const taking = leases.acquire(id, 'patient')
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
    const lease = await taking
    lease.offset = 7
    lease.waiting()
    lease.ended.addEventListener('abort', () => lease.release())
    return lease
  }

  test('cannot be displaced for 5 s, however silent', async () => {
    const lease = await successor()
    await vi.advanceTimersByTimeAsync(PROTECTED_MS - 1)
    const early = watch(leases.acquire(id, 'patient'))
    await settled()
    expect(early.error).toEqual(BUSY)
    await vi.advanceTimersByTimeAsync(1)
    const late = watch(leases.acquire(id, 'patient'))
    await settled()
    expect(late.value).toBe(leases.holder(id))
    expect(lease.ended.aborted).toBe(true)
  })

  test('was first is not protected', async () => {
    const holder = await silentHolder()
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
    const newcomer = watch(leases.acquire(id, 'patient'))
    await settled()
    expect(holder.ended.aborted).toBe(true)
    expect(newcomer.done).toBe(true)
  })

  test('two that fight over an upload change places at most every 5 s', async () => {
    await silentHolder()
    let changes = 0
    for (let at = 0; at < 20_000; at += 100) {
      void leases.acquire(id, 'patient').then(
        (lease) => {
          changes += 1
          lease.offset = 7
          lease.waiting()
          lease.ended.addEventListener('abort', () => lease.release())
        },
        () => {},
      )
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(changes).toBeGreaterThanOrEqual(3)
    expect(changes).toBeLessThanOrEqual(5)
  })
})

describe('a newcomer that takes over at once', () => {
  test('ends a living holder and waits until it let go', async () => {
    const holder = await silentHolder(30)
    holder.heard()
    const newcomer = watch(leases.acquire(id, 'at-once'))
    await settled()
    expect(holder.ended.reason).toBe('displaced')
    expect(newcomer.done).toBe(false)
    await vi.advanceTimersByTimeAsync(30)
    expect(newcomer.value).toBe(leases.holder(id))
  })

  test('and patient ones that waited before it: there is one holder, never two', async () => {
    const holder = await silentHolder(30)
    const patient = [watch(leases.acquire(id, 'patient')), watch(leases.acquire(id, 'patient'))]
    await vi.advanceTimersByTimeAsync(100)
    const atOnce = watch(leases.acquire(id, 'at-once'))
    await vi.advanceTimersByTimeAsync(30)
    expect(holder.ended.aborted).toBe(true)
    const holders = [...patient, atOnce].filter(({ value }) => value !== undefined)
    expect(holders).toHaveLength(1)
    expect(holders[0]?.value).toBe(leases.holder(id))
  })

  test('finds someone who came in the very turn in which the holder let go, and does not oust them', async () => {
    const holder = await leases.acquire(id, 'patient')
    const atOnce = watch(leases.acquire(id, 'at-once'))
    holder.release()
    const quick = await leases.acquire(id, 'patient')
    quick.ended.addEventListener('abort', () => setTimeout(() => quick.release(), 10))
    await settled()
    expect(leases.holder(id)).toBe(quick)
    expect(atOnce.done).toBe(false)
    await vi.advanceTimersByTimeAsync(10)
    expect(atOnce.value).toBe(leases.holder(id))
  })

  test('twice: the second one follows the first, once that let go', async () => {
    await silentHolder(30)
    const [first, second] = [watch(leases.acquire(id, 'at-once')), watch(leases.acquire(id, 'at-once'))]
    await vi.advanceTimersByTimeAsync(30)
    expect(first.value).toBe(leases.holder(id))
    expect(first.value?.ended.reason).toBe('displaced')
    expect(second.done).toBe(false)
    first.value?.release()
    await settled()
    expect(second.value).toBe(leases.holder(id))
    expect(second.value?.ended.aborted).toBe(false)
  })
})

describe('200 newcomers', () => {
  test('behind one silent holder: one follows, all others are told; one timer, no polling', async () => {
    const before = vi.getTimerCount()
    const holder = await silentHolder(20)
    const crowd = Array.from({ length: 200 }, () => watch(leases.acquire(id, 'patient')))
    await settled()
    expect(vi.getTimerCount()).toBe(before + 1)
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
    expect(holder.ended.aborted).toBe(true)
    expect(crowd.filter(({ error }) => error !== undefined)).toHaveLength(199)
    for (const { error } of crowd) if (error !== undefined) expect(error).toEqual(BUSY)
    await vi.advanceTimersByTimeAsync(20)
    const successors = crowd.filter(({ value }) => value !== undefined)
    expect(successors).toHaveLength(1)
    expect(successors[0]?.value).toBe(leases.holder(id))
    expect(vi.getTimerCount()).toBe(before)
  })

  test('behind one that lets go: one gets the lease, and the others judge that one', async () => {
    const holder = await leases.acquire(id, 'patient')
    const crowd = Array.from({ length: 200 }, () => watch(leases.acquire(id, 'patient')))
    await settled()
    holder.release()
    await settled()
    expect(crowd.filter(({ value }) => value !== undefined)).toHaveLength(1)
    leases.holder(id)?.heard()
    await settled()
    expect(crowd.filter(({ error }) => error !== undefined)).toHaveLength(199)
  })

  test('that come and go while a holder stalls leave nothing behind', async () => {
    const holder = await leases.acquire(id, 'patient')
    holder.working()
    const before = vi.getTimerCount()
    for (let round = 0; round < 10; round += 1) {
      const leaving = new AbortController()
      const crowd = Array.from({ length: 200 }, () => watch(leases.acquire(id, 'patient', leaving.signal)))
      await vi.advanceTimersByTimeAsync(10)
      leaving.abort()
      await settled()
      expect(crowd.every(({ done }) => done)).toBe(true)
    }
    expect(vi.getTimerCount()).toBe(before)
  })
})

describe('those who only look', () => {
  test('see nobody when nobody writes', async () => {
    expect(await leases.settle(id)).toBeUndefined()
  })

  test('end a silent holder, and see nobody once it let go', async () => {
    const holder = await silentHolder(40)
    const look = watch(leases.settle(id))
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
    expect(holder.ended.reason).toBe('displaced')
    expect(look.done).toBe(false)
    await vi.advanceTimersByTimeAsync(40)
    expect(look).toMatchObject({ done: true, value: undefined })
    expect(leases.size).toBe(0)
  })

  test('leave a living holder alone and see how far it is', async () => {
    const holder = await silentHolder()
    const look = watch(leases.settle(id))
    await vi.advanceTimersByTimeAsync(100)
    holder.heard()
    await settled()
    expect(look.value).toBe(holder)
    expect(holder.ended.aborted).toBe(false)
  })

  test('see nobody when the holder is done meanwhile', async () => {
    const holder = await leases.acquire(id, 'patient')
    const look = watch(leases.settle(id))
    await settled()
    holder.release()
    await settled()
    expect(look).toMatchObject({ done: true, value: undefined })
  })

  test('do not stand in the way of who writes next: many may look at once', async () => {
    await silentHolder(10)
    const looks = Array.from({ length: 50 }, () => watch(leases.settle(id)))
    const writer = watch(leases.acquire(id, 'patient'))
    await vi.advanceTimersByTimeAsync(SILENCE_MS + 10)
    expect(looks.every(({ done, error }) => done && error === undefined)).toBe(true)
    expect(writer.value).toBe(leases.holder(id))
  })

  test('end a living one at once where their protocol wants that, and whoever follows it', async () => {
    const holder = await silentHolder(10)
    holder.heard()
    const following = watch(leases.acquire(id, 'at-once'))
    const look = watch(leases.settle(id, undefined, 'at-once'))
    await vi.advanceTimersByTimeAsync(10)
    expect(following.value?.ended.reason).toBe('displaced')
    expect(look.done).toBe(false)
    following.value?.release()
    await settled()
    expect(look).toEqual({ done: true, value: undefined })
  })

  test('may leave while they wait', async () => {
    const holder = await silentHolder()
    const leaving = new AbortController()
    const look = watch(leases.settle(id, leaving.signal))
    await settled()
    leaving.abort(new Error('gone'))
    await vi.advanceTimersByTimeAsync(5000)
    expect(look.error).toEqual(new Error('gone'))
    expect(holder.ended.aborted).toBe(false)
  })
})

describe('a holder that nobody waits for', () => {
  test('is ended after the idle time-out of silence, and not before', async () => {
    const holder = await silentHolder()
    await vi.advanceTimersByTimeAsync(IDLE - 1)
    expect(holder.ended.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1001)
    expect(holder.ended.reason).toBe('idle')
    expect(leases.size).toBe(0)
  })

  test('is never ended while its disk is slow or its client sends', async () => {
    const holder = await silentHolder()
    holder.working()
    await vi.advanceTimersByTimeAsync(10 * IDLE)
    for (let at = 0; at < 10 * IDLE; at += IDLE / 2) {
      holder.waiting()
      await vi.advanceTimersByTimeAsync(IDLE / 2)
      holder.heard()
    }
    expect(holder.ended.aborted).toBe(false)
  })
})

describe('closing', () => {
  test('ends every holder, waits until all let go, and lets nobody in', async () => {
    const holder = await silentHolder(100)
    const waiting = watch(leases.acquire(id, 'patient'))
    const closed = watch(leases.close())
    await settled()
    expect(holder.ended.reason).toBe('closing')
    expect(closed.done).toBe(false)
    await vi.advanceTimersByTimeAsync(100)
    expect(closed.done).toBe(true)
    expect(waiting.error).toMatchObject({ code: 'unavailable' })
    await expect(leases.acquire(id, 'at-once')).rejects.toMatchObject({ code: 'unavailable' })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('refuses who had begun to take over, too', async () => {
    await silentHolder(100)
    const taking = watch(leases.acquire(id, 'at-once'))
    await settled()
    const closed = watch(leases.close())
    await vi.advanceTimersByTimeAsync(100)
    expect(taking.error).toMatchObject({ code: 'unavailable' })
    expect(closed.done).toBe(true)
    expect(leases.size).toBe(0)
  })
})
