/** What leases promise to whoever writes, as tests: those of one process and those that nodes share alike. */
import { expect, test } from 'vitest'
import { UploadError } from './errors.ts'
import type { Lease, UploadLeases } from './lease.ts'
import type { UploadId, UploadRecord } from './upload.ts'

interface LeaseWorld {
  /** Where the holder is. */
  readonly here: UploadLeases
  /** Where the newcomer is: another node, where there are nodes. */
  readonly there: UploadLeases
  newUpload(): Promise<UploadId>
  /** The record as whoever looks at it reads it. */
  find(id: UploadId): Promise<UploadRecord>
}

/** Handing over takes less than this, besides the time in which a holder may be silent. */
const HANDOVER_MS = 1000
const SILENCE_MS = 500

export function leaseContract(world: () => LeaseWorld): void {
  /** A holder that lets go as soon as it has to. */
  async function holder(id: UploadId, leases = world().here): Promise<Lease> {
    const lease = await leases.acquire(id, 'patient')
    lease.offset = 7
    lease.ended.addEventListener('abort', () => lease.release())
    return lease
  }
  /** Its client sends something all the time. */
  function living(lease: Lease): Disposable {
    const timer = setInterval(() => lease.heard(), 20)
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }
  async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
    const since = performance.now()
    return { value: await work, ms: performance.now() - since }
  }
  const settle = async (id: UploadId, manner?: 'at-once') =>
    world().there.settle(id, undefined, manner, await world().find(id))

  test('a lease is given at once when nobody holds it, and to the next when it is let go', async () => {
    const { here, there, newUpload } = world()
    const id = await newUpload()
    const first = await here.acquire(id, 'patient')
    expect(here.holder(id)).toBe(first)
    first.release()
    expect(here.holder(id)).toBeUndefined()
    const next = await there.acquire(id, 'patient')
    expect(there.holder(id)).toBe(next)
    next.release()
  })

  test('of one upload it does not concern another', async () => {
    const { there, newUpload } = world()
    await using _ = released(await holder(await newUpload()))
    const other = await there.acquire(await newUpload(), 'patient')
    other.release()
  })

  test('a holder that has been silent for long is followed in less than a second', async () => {
    const id = await world().newUpload()
    const first = await holder(id)
    first.waiting()
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
    const next = await timed(world().there.acquire(id, 'patient'))
    expect(first.ended.reason).toBe('displaced')
    expect(next.ms).toBeLessThan(HANDOVER_MS)
    next.value.release()
  })

  test('a holder that falls silent is followed once it has been silent long enough', async () => {
    const id = await world().newUpload()
    const first = await holder(id)
    first.waiting()
    const next = await timed(world().there.acquire(id, 'patient'))
    expect(next.ms).toBeGreaterThan(SILENCE_MS - 100)
    expect(next.ms).toBeLessThan(SILENCE_MS + HANDOVER_MS)
    next.value.release()
  })

  test('a holder that lives is left alone, and named with how far it is', async () => {
    const id = await world().newUpload()
    const first = await holder(id)
    using _ = living(first)
    const refused = await world()
      .there.acquire(id, 'patient')
      .catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(UploadError)
    expect(refused).toMatchObject({ code: 'busy', offset: 7 })
    expect(first.ended.aborted).toBe(false)
    first.release()
  })

  test('whoever wants it at once ends a living holder', async () => {
    const id = await world().newUpload()
    const first = await holder(id)
    using _ = living(first)
    const next = await timed(world().there.acquire(id, 'at-once'))
    expect(first.ended.reason).toBe('displaced')
    expect(next.ms).toBeLessThan(HANDOVER_MS)
    next.value.release()
  })

  test('nobody is followed before its last write is through', async () => {
    const { here, there, newUpload } = world()
    const id = await newUpload()
    const first = await here.acquire(id, 'patient')
    let through = false
    first.ended.addEventListener('abort', () => {
      setTimeout(() => {
        through = true
        first.release()
      }, 200)
    })
    const next = await there.acquire(id, 'at-once')
    expect(through).toBe(true)
    next.release()
  })

  test('whoever took over is not displaced in turn by one who can wait', async () => {
    const id = await world().newUpload()
    const first = await holder(id)
    first.waiting()
    const next = await holder(id, world().there)
    next.waiting()
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
    await expect(world().here.acquire(id, 'patient')).rejects.toMatchObject({ code: 'busy' })
    expect(next.ended.aborted).toBe(false)
    next.release()
  })

  test('a look ends a silent holder, leaves a living one alone, and sees when there is none', async () => {
    const id = await world().newUpload()
    expect(await settle(id)).toBeUndefined()
    const silent = await holder(id)
    silent.waiting()
    expect(await settle(id)).toBeUndefined()
    expect(silent.ended.reason).toBe('displaced')
    const busy = await holder(id)
    using _ = living(busy)
    expect(await settle(id)).toMatchObject({ offset: 7 })
    expect(await settle(id, 'at-once')).toBeUndefined()
    expect(busy.ended.reason).toBe('displaced')
  })

  test('of many that come at once, each has it alone', async () => {
    const { here, there, newUpload } = world()
    const id = await newUpload()
    let inside = 0
    const came = await Promise.allSettled(
      Array.from({ length: 12 }, async (_, i) => {
        const lease = await (i % 2 === 0 ? here : there).acquire(id, 'at-once')
        inside += 1
        expect(inside).toBe(1)
        if (!lease.ended.aborted) await new Promise((resolve) => setTimeout(resolve, 5))
        inside -= 1
        lease.release()
      }),
    )
    for (const outcome of came) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'busy' })
    }
    expect(came.some(({ status }) => status === 'fulfilled')).toBe(true)
    const last = await there.acquire(id, 'patient')
    last.release()
  })
}

function released(lease: Lease): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      lease.release()
    },
  }
}
