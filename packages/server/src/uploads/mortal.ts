/**
 * A process, as its catalog and its disk see it, that can meet faults and die between any two steps. What
 * it had begun when it died has no effect any more; what it had finished stays. For tests.
 */
import type { BlobStore, SegmentId, SegmentWriter } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import { type Catalog, CatalogError } from '../catalog/catalog.ts'
import type { UploadId } from './upload.ts'

/** What stays when a process dies: records, bytes, and which of them a power cut cannot take. */
export interface Machine {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly durable: Map<SegmentId, number>
  /** Segments of which a sync failed: bytes from `from` on are in memory only, and later syncs do not tell. */
  readonly unsynced: Map<SegmentId, { readonly from: number; recorded: boolean }>
  /** Put in order during the present boot. */
  trusted: boolean
}

export type Fault = 'none' | 'no-space' | 'unavailable'

export interface Fate {
  /** How many calls until death; undefined: it lives on. */
  callsLeft: number | undefined
  /** Whether the last call still has its effect. */
  readonly diesAfterEffect: boolean
  /** What the next call of this name meets. */
  fault(step: string): Fault
  /** A sync failed: what it should have covered does not count any more. */
  unsynced?(segment: SegmentId): void
  /** How much of a write that fails or is interrupted gets through. */
  part(bytes: number): number
}

export interface Process {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly dead: boolean
  kill(): void
  /** How many calls it made. */
  readonly calls: number
  /** Resolves when nothing that it began is under way any more. */
  quiet(): Promise<void>
}

class Dead extends Error {}

export function startProcess(machine: Machine, fate: Fate): Process {
  let dead = false
  let calls = 0
  const underWay = new Set<Promise<unknown>>()
  // Not promised: who dies between a failed sync and writing that down leaves the next process in the dark.
  for (const [segment, { recorded }] of machine.unsynced) if (!recorded) machine.unsynced.delete(segment)

  async function step<T>(name: string, run: () => Promise<T>, failed: (fault: Fault) => Error): Promise<T> {
    if (dead) throw new Dead(`${name} after death`)
    calls += 1
    if (fate.callsLeft !== undefined) fate.callsLeft -= 1
    const last = fate.callsLeft !== undefined && fate.callsLeft <= 0
    if (last && !fate.diesAfterEffect) {
      dead = true
      throw new Dead(name)
    }
    const fault = fate.fault(name)
    if (fault !== 'none') throw failed(fault)
    const running = run()
    underWay.add(running)
    try {
      const result = await running
      if (last) dead = true
      if (dead) throw new Dead(name)
      return result
    } finally {
      underWay.delete(running)
    }
  }
  const onDisk = (name: string, run: () => Promise<unknown>): Promise<unknown> =>
    step(`blobs.${name}`, run, (fault) => new StoreError(fault === 'no-space' ? fault : 'unavailable', name))
  const inCatalog = (name: string, run: () => Promise<unknown>): Promise<unknown> =>
    step(
      `catalog.${name}`,
      run,
      (fault) => new CatalogError(fault === 'no-space' ? fault : 'unavailable', name),
    )

  async function write(inner: SegmentWriter, chunks: readonly Uint8Array[]): Promise<void> {
    if (dead) throw new Dead('write after death')
    const bytes = Buffer.concat(chunks)
    const interrupted = fate.callsLeft !== undefined && fate.callsLeft <= 1
    const fault = interrupted ? 'none' : fate.fault('blobs.write')
    if (!interrupted && fault === 'none') {
      await onDisk('write', () => inner.write(chunks))
      return
    }
    const part = bytes.subarray(0, fate.part(bytes.byteLength))
    if (part.byteLength > 0) await inner.write([part])
    if (interrupted) {
      dead = true
      throw new Dead('write')
    }
    throw new StoreError(fault === 'no-space' ? fault : 'unavailable', 'a write failed in the middle')
  }

  const syncing = (name: string, segment: SegmentId, run: () => Promise<unknown>): Promise<unknown> =>
    step(`blobs.${name}`, run, (fault) => {
      if (fault === 'unavailable') return new StoreError(fault, name)
      const from = machine.unsynced.get(segment)?.from ?? machine.durable.get(segment) ?? 0
      machine.unsynced.set(segment, { from, recorded: false })
      fate.unsynced?.(segment)
      return new StoreError('unsynced', name)
    })
  const covered = (segment: SegmentId, length: number): void => {
    const sure = Math.min(length, machine.unsynced.get(segment)?.from ?? length)
    machine.durable.set(segment, Math.max(machine.durable.get(segment) ?? 0, sure))
  }
  const cut = (segment: SegmentId, length: number): void => {
    if (length <= (machine.unsynced.get(segment)?.from ?? -1)) machine.unsynced.delete(segment)
    machine.durable.set(segment, Math.min(machine.durable.get(segment) ?? 0, length))
  }

  const catalog = new Proxy(machine.catalog, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        inCatalog(String(name), async () => {
          const result: unknown = await Reflect.apply(member, target, args)
          if (name === 'setRollback') {
            const upload = await target.findUpload(args[0] as UploadId)
            const known = upload && machine.unsynced.get(upload.segment)
            if (known) known.recorded = true
          }
          return result
        })
    },
  })
  const store = machine.blobs
  const special: Partial<BlobStore> = {
    open: async () => ({ ...(await store.open()), trusted: machine.trusted }),
    trust: async () => {
      await onDisk('trust', async () => {
        machine.trusted = true
      })
    },
    openWriter: async (segment) => {
      const inner = (await onDisk('openWriter', () => store.openWriter(segment))) as SegmentWriter
      return {
        get length() {
          return inner.length
        },
        write: (chunks) => write(inner, chunks),
        truncate: async (length) => {
          await onDisk('writer.truncate', async () => {
            await inner.truncate(length)
            cut(segment, length)
          })
        },
        // A dead process's files are closed as well.
        close: () => inner.close(),
      }
    },
    sync: async (segment) => {
      const length = await syncing('sync', segment, () => store.sync(segment))
      covered(segment, Number(length))
      return Number(length)
    },
    seal: async (segment, length) => {
      await syncing('seal', segment, () => store.seal(segment, length))
      covered(segment, length)
    },
    truncate: async (segment, length) => {
      await onDisk('truncate', async () => {
        await store.truncate(segment, length)
        cut(segment, length)
      })
    },
    freeBytes: () => store.freeBytes(),
    read: (segment, start, end) => store.read(segment, start, end),
    list: () => store.list(),
    follow: (segment, start, algorithms) => store.follow(segment, start, algorithms),
  }
  const blobs = new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(special, name)
      if (own !== undefined) return own
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        onDisk(String(name), async () => Reflect.apply(member, target, args) as unknown)
    },
  })
  return {
    catalog,
    blobs,
    get dead() {
      return dead
    },
    get calls() {
      return calls
    },
    kill() {
      dead = true
    },
    async quiet() {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
  }
}

/**
 * The power goes and comes back: of every segment only what a sync covered is sure. Beyond it there may be
 * nothing, or zeros: file systems make both.
 * @param part - how many of so many unsure bytes turn into zeros
 */
export async function cutPower(machine: Machine, part: (bytes: number) => number): Promise<void> {
  machine.trusted = false
  machine.unsynced.clear()
  const segments: SegmentId[] = []
  for await (const segment of machine.blobs.list()) segments.push(segment)
  for (const segment of segments) {
    const length = (await machine.blobs.inspect(segment))?.length ?? 0
    const sure = Math.min(length, machine.durable.get(segment) ?? 0)
    const zeros = part(length - sure)
    // A file that was never synced may not even have its name.
    if (!machine.durable.has(segment) && zeros === 0) {
      await machine.blobs.remove(segment)
      continue
    }
    await machine.blobs.truncate(segment, sure)
    const writer = await machine.blobs.openWriter(segment)
    if (zeros > 0) await writer.write([Buffer.alloc(zeros)])
    await writer.close()
  }
}
