import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type SegmentWriter, StoreError } from '../blobs/blob-store.ts'
import { sampleBytes } from '../blobs/sample-bytes.ts'
import { Garbage } from '../garbage.ts'
import { GatherBudget } from './gather-budget.ts'
import { Lease } from './lease.ts'
import { transfer } from './transfer.ts'
import { newUploadId } from './upload.ts'

/** A writer that takes its time when told, fails when told, and refuses a second write at the same time. */
class SlowWriter implements SegmentWriter {
  declare keeps?: (chunk: Uint8Array) => boolean
  /** Every chunk it was given. */
  readonly chunks: Uint8Array[] = []
  stored: Buffer = Buffer.alloc(0)
  readonly batches: number[] = []
  /** Set: each write waits until `go` is called. */
  held = false
  /** Fails once this many bytes are stored. */
  room = Number.MAX_SAFE_INTEGER
  #waiting: (() => void) | undefined

  get length(): number {
    return this.stored.byteLength
  }

  get isWriting(): boolean {
    return this.#waiting !== undefined
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#waiting !== undefined) throw new Error('two writes at the same time')
    const bytes = Buffer.concat(chunks)
    this.chunks.push(...chunks)
    this.batches.push(bytes.byteLength)
    await new Promise<void>((resolve) => {
      this.#waiting = resolve
      if (!this.held) setImmediate(resolve)
    })
    this.#waiting = undefined
    const part = bytes.subarray(0, Math.max(0, this.room - this.stored.byteLength))
    this.stored = Buffer.concat([this.stored, part])
    if (part.byteLength < bytes.byteLength) throw new StoreError('no-space', 'full')
  }

  async go(): Promise<void> {
    this.#waiting?.()
    await turn()
  }

  async truncate(length: number): Promise<void> {
    this.stored = this.stored.subarray(0, length)
  }

  async close(): Promise<void> {}
}

interface Options {
  readonly limit?: number
  readonly holdLast?: boolean
  readonly budget?: GatherBudget
  readonly stored?: Buffer
  readonly room?: number
  readonly keeps?: (chunk: Uint8Array) => boolean
}

function begin(source: Readable, options: Options = {}) {
  const writer = new SlowWriter()
  writer.stored = options.stored ?? writer.stored
  writer.room = options.room ?? writer.room
  if (options.keeps) writer.keeps = options.keeps
  const lease = new Lease(newUploadId(), 1, false, () => {})
  const budget = options.budget ?? new GatherBudget(64 * 1024 * 1024)
  const lengths: number[] = []
  const ended = transfer({
    source,
    writer,
    lease,
    budget,
    limit: options.limit ?? Number.MAX_SAFE_INTEGER,
    holdLast: options.holdLast ?? false,
    onWritten: (length) => lengths.push(length),
  })
  return { writer, lease, budget, lengths, ended }
}

const body = (): Readable => new Readable({ read() {}, highWaterMark: 1 << 20 })
const MIB = 1024 * 1024

describe('a body that comes whole', () => {
  test('is stored in order, and each write is told with the new length', async () => {
    const bytes = sampleBytes(100_000)
    const source = Readable.from([bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)])
    const { writer, lengths, budget, ended } = begin(source)
    expect(await ended).toEqual({ kind: 'ended' })
    expect(writer.stored.equals(bytes)).toBe(true)
    expect(lengths.at(-1)).toBe(100_000)
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
    expect(budget.used).toBe(0)
  })

  test('goes on after what is there already', async () => {
    const { writer, lengths, ended } = begin(Readable.from([Buffer.from('b')]), { stored: Buffer.from('a') })
    await ended
    expect(writer.stored.toString()).toBe('ab')
    expect(lengths).toEqual([2])
  })

  test('and has no bytes ends without a write', async () => {
    const { writer, ended } = begin(Readable.from([]))
    expect(await ended).toEqual({ kind: 'ended' })
    expect(writer.batches).toEqual([])
  })

  test('and had ended, or was broken, before anyone read it is no reason to wait', async () => {
    const over = Readable.from([])
    over.resume()
    await turn()
    await turn()
    expect(await begin(over).ended).toEqual({ kind: 'ended' })
    const broken = body()
    broken.destroy()
    expect(await begin(broken).ended).toEqual({ kind: 'broken' })
  })

  test('in a thousand small chunks is written in a few large batches, one at a time', async () => {
    const source = body()
    const { writer, ended } = begin(source)
    writer.held = true
    for (let n = 0; n < 1000; n += 1) source.push(Buffer.alloc(1000, n))
    await turn()
    await turn()
    expect(writer.batches).toHaveLength(1)
    writer.held = false
    await writer.go()
    source.push(null)
    await ended
    expect(writer.batches.length).toBeLessThan(5)
    expect(writer.length).toBe(1_000_000)
  })
})

describe('back-pressure', () => {
  test('stops reading once a full share waits for the write in flight, and then goes on', async () => {
    const source = body()
    const { writer, budget, ended } = begin(source)
    writer.held = true
    source.push(Buffer.alloc(1000))
    await turn()
    expect(writer.isWriting).toBe(true)
    for (let n = 0; n < 10; n += 1) source.push(Buffer.alloc(MIB))
    await turn()
    await turn()
    expect(source.isPaused()).toBe(true)
    expect(budget.used).toBeLessThanOrEqual(budget.share + MIB + 1000)
    await writer.go()
    // One batch is written, the next is gathered: never more than that.
    expect(writer.batches).toHaveLength(2)
    await turn()
    expect(budget.used).toBeLessThanOrEqual(2 * (budget.share + MIB))
    writer.held = false
    await writer.go()
    source.push(null)
    expect(await ended).toEqual({ kind: 'ended' })
    expect(writer.length).toBe(1000 + 10 * MIB)
  })

  test('reads the next batch while a full one is written', async () => {
    const source = body()
    const { writer, ended } = begin(source)
    writer.held = true
    source.push(Buffer.alloc(1))
    await turn()
    for (let n = 0; n < 3; n += 1) source.push(Buffer.alloc(MIB))
    await turn()
    await turn()
    expect(source.isPaused()).toBe(true)
    await writer.go()
    // The large batch is in flight now: without reading on, disk and network would take turns.
    expect(writer.isWriting).toBe(true)
    expect(source.isPaused()).toBe(false)
    writer.held = false
    await writer.go()
    source.push(null)
    await ended
  })

  test('has one read of each upload at a time when all together hold much', async () => {
    const budget = new GatherBudget(100_000)
    budget.take(100_000)
    const source = body()
    const { writer, ended } = begin(source, { budget })
    writer.held = true
    source.push(Buffer.alloc(1))
    await turn()
    for (let n = 0; n < 20; n += 1) source.push(Buffer.alloc(10_000))
    await turn()
    await turn()
    expect(budget.used - 100_000).toBe(1)
    await writer.go()
    await turn()
    expect(budget.used - 100_000).toBe(10_000)
    writer.held = false
    await writer.go()
    source.push(null)
    await ended
    expect(writer.length).toBe(200_001)
    expect(budget.used).toBe(100_000)
  })
})

describe('a body that breaks', () => {
  test('leaves what had arrived, also what was not written yet', async () => {
    const bytes = sampleBytes(3000)
    const source = body()
    const { writer, budget, ended } = begin(source)
    writer.held = true
    source.push(bytes.subarray(0, 1000))
    await turn()
    source.push(bytes.subarray(1000))
    await turn()
    source.destroy(new Error('the connection broke'))
    await turn()
    writer.held = false
    await writer.go()
    expect(await ended).toEqual({ kind: 'broken' })
    expect(writer.stored).toEqual(bytes)
    expect(budget.used).toBe(0)
  })

  test('and throws once more afterwards harms nobody', async () => {
    const source = body()
    const { ended } = begin(source)
    source.destroy()
    await ended
    source.emit('error', new Error('late'))
  })
})

describe('a body longer than it may be', () => {
  test('is an overflow, and nothing past the limit is written', async () => {
    const bytes = sampleBytes(100)
    const source = body()
    const { writer, budget, ended } = begin(source, { limit: 60 })
    source.push(bytes.subarray(0, 50))
    await turn()
    source.push(bytes.subarray(50))
    expect(await ended).toEqual({ kind: 'overflow' })
    expect(writer.stored).toEqual(bytes.subarray(0, 50))
    expect(budget.used).toBe(0)
  })

  test('waits for the write in flight before it says so', async () => {
    const source = body()
    const { writer, ended } = begin(source, { limit: 60 })
    writer.held = true
    source.push(Buffer.alloc(50))
    await turn()
    source.push(Buffer.alloc(50))
    await turn()
    let done = false
    void ended.then(() => {
      done = true
    })
    await turn()
    expect(done).toBe(false)
    writer.held = false
    await writer.go()
    expect(await ended).toEqual({ kind: 'overflow' })
    expect(writer.length).toBe(50)
  })

  test('never reaches the limit when its length was not declared', async () => {
    const source = body()
    const { writer, lease, ended } = begin(source, { limit: 60, holdLast: true })
    source.push(Buffer.alloc(30))
    await turn()
    await turn()
    source.push(Buffer.alloc(30))
    await turn()
    await turn()
    expect(writer.length).toBe(30)
    expect(lease.ended.aborted).toBe(false)
    source.push(Buffer.alloc(1))
    expect(await ended).toEqual({ kind: 'overflow' })
    expect(writer.length).toBe(30)
  })
})

describe('bytes that reach the limit of a body of no declared length', () => {
  test('are written once its end was seen', async () => {
    const bytes = sampleBytes(60)
    const source = body()
    const { writer, ended } = begin(source, { limit: 60, holdLast: true })
    source.push(bytes)
    await turn()
    await turn()
    expect(writer.length).toBe(0)
    source.push(null)
    expect(await ended).toEqual({ kind: 'ended' })
    expect(writer.stored).toEqual(bytes)
  })

  test('are dropped when it breaks before its end', async () => {
    const source = body()
    const { writer, budget, ended } = begin(source, { limit: 60, holdLast: true })
    source.push(Buffer.alloc(60))
    await turn()
    source.destroy()
    expect(await ended).toEqual({ kind: 'broken' })
    expect(writer.length).toBeLessThan(60)
    expect(budget.used).toBe(0)
  })

  test('are dropped when the lease is taken before its end', async () => {
    const source = body()
    const { writer, lease, budget, ended } = begin(source, { limit: 60, holdLast: true })
    source.push(Buffer.alloc(60))
    await turn()
    lease.end('displaced')
    expect(await ended).toEqual({ kind: 'stopped', why: 'displaced' })
    expect(writer.length).toBeLessThan(60)
    expect(budget.used).toBe(0)
  })

  test('count as waiting for the client: silence ends that, too', async () => {
    const source = body()
    const { lease, ended } = begin(source, { limit: 60, holdLast: true })
    source.push(Buffer.alloc(60))
    await turn()
    await turn()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lease.silence()).toBeGreaterThan(0)
    source.push(null)
    await ended
  })
})

describe('a store that fails', () => {
  test('ends it with the fault; what it took before stays', async () => {
    const bytes = sampleBytes(100)
    const source = body()
    const { writer, lengths, budget, ended } = begin(source)
    writer.room = 70
    source.push(bytes.subarray(0, 50))
    await turn()
    await turn()
    source.push(bytes.subarray(50))
    const end = await ended
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'no-space' } })
    expect(writer.stored).toEqual(bytes.subarray(0, 70))
    expect(lengths.at(-1)).toBe(70)
    expect(budget.used).toBe(0)
  })

  test('is told even when the client broke off meanwhile', async () => {
    const source = body()
    const { writer, budget, ended } = begin(source)
    writer.held = true
    writer.room = 10
    source.push(Buffer.alloc(50))
    await turn()
    source.push(Buffer.alloc(50))
    await turn()
    source.destroy()
    await turn()
    writer.held = false
    await writer.go()
    expect(await ended).toMatchObject({ kind: 'failed' })
    expect(writer.length).toBe(10)
    expect(budget.used).toBe(0)
  })
})

describe('a lease that ends', () => {
  test('in the middle of a write lets the write through, and what had arrived', async () => {
    const bytes = sampleBytes(200)
    const source = body()
    const { writer, lease, budget, ended } = begin(source)
    writer.held = true
    source.push(bytes.subarray(0, 100))
    await turn()
    source.push(bytes.subarray(100))
    await turn()
    lease.end('idle')
    await turn()
    source.push(sampleBytes(100, 2))
    writer.held = false
    await writer.go()
    expect(await ended).toEqual({ kind: 'stopped', why: 'idle' })
    expect(writer.stored).toEqual(bytes)
    expect(budget.used).toBe(0)
  })

  test('before it began lets nothing through', async () => {
    const lease = new Lease(newUploadId(), 1, false, () => {})
    lease.end('closing')
    const writer = new SlowWriter()
    const source = Readable.from([Buffer.alloc(10)])
    const end = await transfer({
      source,
      writer,
      lease,
      budget: new GatherBudget(1),
      limit: 10,
      holdLast: false,
      onWritten: () => {},
    })
    expect(end).toEqual({ kind: 'stopped', why: 'closing' })
    expect(writer.batches).toEqual([])
  })

  test('leaves nothing on the signal nor on the body once it is over', async () => {
    const source = body()
    const { lease, ended } = begin(source)
    source.push(Buffer.alloc(10))
    source.push(null)
    await ended
    expect(source.listenerCount('data')).toBe(0)
    expect(source.listenerCount('end')).toBeLessThanOrEqual(1)
    lease.end('displaced')
  })
})

describe('memory of chunks that came in a request', () => {
  /** A body that is sent to a server, with what it leaves of its chunks. */
  async function sent(bytes: Buffer, options: Options = {}) {
    const budget = new GatherBudget(64 * MIB, new Garbage(() => {}))
    const begun = Promise.withResolvers<ReturnType<typeof begin>>()
    const server: Server = createServer((request: IncomingMessage, response) => {
      const transferring = begin(request, { ...options, budget })
      void transferring.ended.then(() => response.end())
      begun.resolve(transferring)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      await fetch(`http://127.0.0.1:${port}/`, { method: 'PUT', body: new Uint8Array(bytes) })
      const { writer, ended } = await begun.promise
      return { end: await ended, stored: writer.stored, left: writer.chunks.map((chunk) => chunk.byteLength) }
    } finally {
      server.close()
    }
  }
  const bytes = sampleBytes(3 * MIB)

  test('is free as soon as they are stored', async () => {
    const { end, stored, left } = await sent(bytes)
    expect(end.kind).toBe('ended')
    expect(stored.equals(bytes)).toBe(true)
    expect(left.length).toBeGreaterThan(1)
    expect(new Set(left)).toEqual(new Set([0]))
  })

  test('is free also when they could not be stored', async () => {
    const { end, stored, left } = await sent(bytes, { room: MIB })
    expect(end.kind).toBe('failed')
    expect(stored.equals(bytes.subarray(0, MIB))).toBe(true)
    expect(new Set(left)).toEqual(new Set([0]))
  })

  test('stays where the writer keeps one', async () => {
    const seen: Uint8Array[] = []
    // Every other one.
    const { stored } = await sent(bytes, { keeps: (chunk) => seen.push(chunk) % 2 === 1 })
    expect(stored.equals(bytes)).toBe(true)
    expect(seen.length).toBeGreaterThan(1)
    for (const [n, { byteLength }] of seen.entries()) expect(byteLength > 0).toBe(n % 2 === 0)
  })

  test('stays where they came another way', async () => {
    const chunk = new Uint8Array(100)
    const budget = new GatherBudget(64 * MIB, new Garbage(() => {}))
    await begin(Readable.from([chunk]), { budget }).ended
    expect(chunk.byteLength).toBe(100)
  })
})

test('silence counts while the client is waited for, never while a write is in flight', async () => {
  const source = body()
  const { writer, lease, ended } = begin(source)
  const pass = () => new Promise((resolve) => setTimeout(resolve, 15))
  await pass()
  expect(lease.silence()).toBeGreaterThan(0)
  writer.held = true
  source.push(Buffer.alloc(10))
  await turn()
  await pass()
  expect(lease.silence()).toBe(0)
  writer.held = false
  await writer.go()
  await pass()
  expect(lease.silence()).toBeGreaterThan(0)
  source.push(null)
  await ended
  expect(lease.silence()).toBe(0)
})

test('whatever the chunks, the limit, the end and the store: the stored bytes are a prefix of the body', async () => {
  const ending = fc.constantFrom('end', 'break', 'displace')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }),
      fc.nat(3000),
      fc.boolean(),
      ending,
      fc.option(fc.nat(2000), { nil: undefined }),
      fc.array(fc.boolean(), { maxLength: 20 }),
      async (sizes, limit, holdLast, ending, room, pauses) => {
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const bytes = sampleBytes(total)
        const source = body()
        const budget = new GatherBudget(500)
        const { writer, lease, ended } = begin(source, { limit, holdLast, budget })
        if (room !== undefined) writer.room = room
        let at = 0
        for (const [n, size] of sizes.entries()) {
          source.push(bytes.subarray(at, at + size))
          at += size
          if (pauses[n]) await turn()
        }
        if (ending === 'end') source.push(null)
        else if (ending === 'break') source.destroy()
        else lease.end('displaced')
        const { kind } = await ended
        expect(writer.stored.equals(bytes.subarray(0, writer.length))).toBe(true)
        expect(writer.length).toBeLessThanOrEqual(Math.min(total, limit))
        expect(budget.used).toBe(0)
        if (kind === 'ended') expect(writer.length).toBe(total)
        if (holdLast && kind !== 'ended' && limit > 0) expect(writer.length).toBeLessThan(limit)
        if (total > limit && ending === 'end') expect(['overflow', 'failed']).toContain(kind)
      },
    ),
    { numRuns: 300 },
  )
})
