/**
 * Pawl without something that it always does, to see what that costs: `--without digests,syncs`. For the
 * benchmark only: what it answers is not what Pawl promises.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type SegmentId,
  type SegmentState,
  type SegmentWriter,
  StoreError,
} from '../../packages/server/src/blobs/blob-store.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from '../../packages/server/src/blobs/digests.ts'
import { DiskStore } from '../../packages/server/src/blobs/disk/disk-store.ts'
import { readConfig } from '../../packages/server/src/config.ts'
import { tuneHeap } from '../../packages/server/src/heap.ts'
import { createServer } from '../../packages/server/src/server.ts'

const { values } = parseArgs({ options: { data: { type: 'string' }, without: { type: 'string' } } })
const without = new Set(values.without?.split(','))

/** Larger writes are not those of records or of small bodies. */
const THROWN = 64 * 1024

class Variant extends DiskStore {
  readonly #thrown = new Map<SegmentId, number>()

  override async openWriter(segment: SegmentId): Promise<SegmentWriter> {
    const writer = await super.openWriter(segment)
    if (!without.has('bytes')) return writer
    const lengths = this.#thrown
    const kept = { write: writer.write.bind(writer), close: writer.close.bind(writer) }
    return {
      get length() {
        return lengths.get(segment) ?? writer.length
      },
      async write(chunks) {
        const bytes = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)
        if (bytes <= THROWN && !lengths.has(segment)) return kept.write(chunks)
        lengths.set(segment, (lengths.get(segment) ?? writer.length) + bytes)
      },
      truncate: (length) => writer.truncate(length),
      close: kept.close,
    }
  }

  override async inspect(segment: SegmentId): Promise<SegmentState | undefined> {
    const state = await super.inspect(segment)
    const length = this.#thrown.get(segment)
    return state && length !== undefined ? { ...state, length } : state
  }

  override follow(
    segment: SegmentId,
    start: number,
    algorithms: readonly DigestAlgorithm[],
  ): FollowingDigest {
    if (!without.has('digests')) return super.follow(segment, start, algorithms)
    return { advance() {}, finish: async () => nothing(algorithms), cancel() {} }
  }

  override async sync(segment: SegmentId): Promise<number> {
    if (!without.has('syncs')) return super.sync(segment)
    return (await this.inspect(segment))?.length ?? 0
  }

  override async seal(segment: SegmentId, length: number): Promise<void> {
    if (!without.has('syncs')) return super.seal(segment, length)
    const state = await this.inspect(segment)
    if (state?.length !== length) throw new StoreError('damaged', `segment ${segment} is not whole`)
  }
}

function nothing(algorithms: readonly DigestAlgorithm[]): Digests {
  return Object.fromEntries(algorithms.map((name) => [name, '0'.repeat(64)]))
}

const config = readConfig({
  argv: ['--port', '0', '--data', values.data ?? ''],
  env: process.env,
  warn: (message) => console.error(message),
})
const blobs = new Variant({ folder: join(config.data, 'blobs'), reserve: config.reserve })
const server = await createServer(config, {
  blobs,
  ...(!without.has('collecting') && { freeBuffers: tuneHeap() }),
})
const url = await server.listen()
server.log.info({ url }, 'listening')
process.on('SIGTERM', () => process.exit(0))
