import type { Lane, OffsetDriver, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { sessionText } from '../../session.ts'
import type { MemoryStore } from './memory.ts'
import { noSession, publish, published } from './publish.ts'

/** One array per lane; bytes count as soon as they are written, also those of a call that was cut. */
interface Growing {
  readonly lanes: { readonly start: number; readonly bytes: Uint8Array<ArrayBuffer>; filled: number }[]
}

export function memoryLanes(
  store: MemoryStore,
  intent: UploadIntent,
  minChunk: number,
): OffsetDriver<string> {
  const growing = (session: string): Growing => {
    const found = store.sessions.get(session)
    if (isGrowing(found)) return found
    throw noSession()
  }
  const laneOf = (session: string, { index }: Lane) => {
    const lane = growing(session).lanes[index]
    if (lane) return lane
    throw new FilesError('SessionGone', `there is no lane ${index}`)
  }
  return {
    shape: 'offset',
    maxLanes: 8,
    chunk: { multiple: 1, min: minChunk, max: 2 ** 30, first: 2 ** 20 },
    begin: async (_intent, lanes) => {
      const session = crypto.randomUUID()
      store.sessions.set(session, {
        lanes: lanes.map(({ start, end }) => ({ start, bytes: new Uint8Array(end - start), filled: 0 })),
      } satisfies Growing)
      return { session, offsets: lanes.map((lane) => lane.start) }
    },
    adopt: (session) => (typeof session === 'string' ? session : sessionText(session, 'id')),
    probe: async (session) => {
      if (store.sessions.has(session)) {
        return { state: 'open', offsets: growing(session).lanes.map((lane) => lane.start + lane.filled) }
      }
      const result = published(store, intent, session)
      return result ? { state: 'complete', result } : { state: 'gone' }
    },
    send: async (session, lane, payload, call) => {
      const target = laneOf(session, lane)
      if (payload.start !== target.start + target.filled) {
        throw new FilesError('Conflict', `expected offset ${target.start + target.filled}`, undefined, {
          status: 409,
          retryable: true,
        })
      }
      for await (const block of payload.blocks()) {
        call.signal.throwIfAborted()
        target.bytes.set(block, target.filled)
        target.filled += block.length
      }
      return target.start + target.filled
    },
    complete: async (session) => {
      const bytes = new Uint8Array(intent.size)
      for (const lane of growing(session).lanes) bytes.set(lane.bytes.subarray(0, lane.filled), lane.start)
      return publish(store, intent, bytes, session)
    },
    discard: async (session) => {
      store.sessions.delete(session)
    },
  }
}

function isGrowing(value: unknown): value is Growing {
  return typeof value === 'object' && value !== null && 'lanes' in value
}
