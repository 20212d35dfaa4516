/** An adapter whose wire can be watched and broken, whatever the provider. */
import type { Adapter } from '../src/adapter.ts'
import type { Call, Driver, OffsetDriver, PartsDriver, Payload } from '../src/driver.ts'
import { FilesError } from '../src/errors.ts'
import type { Json } from '../src/json.ts'

type CallName = 'begin' | 'probe' | 'send' | 'complete' | 'discard'

export type Fault =
  /** The request never arrives. */
  | 'request lost'
  /** The request is carried out, its answer never arrives. */
  | 'answer lost'
  /** The connection breaks in the middle of the body. */
  | 'cut in the middle'
  /** Nothing ever comes back. */
  | 'silence'
  | FilesError

export interface Wire {
  readonly adapter: Adapter
  /** Every call, in order, as `name` or `send start+size`. */
  readonly calls: string[]
  /** Pieces that the provider acknowledged, in order. */
  readonly acknowledged: { readonly start: number; readonly size: number }[]
  /** Decides the fault of a call, by name and by how many of that name went before. */
  fault: (name: CallName, index: number) => Fault | undefined
  /** Awaited before each call is made. */
  before: (name: CallName, index: number) => Promise<void> | void
  refresh: (() => Promise<boolean>) | undefined
  onAcknowledged: (piece: { readonly start: number; readonly size: number }) => void
}

export function wireOf(adapter: Adapter): Wire {
  const counts: Record<CallName, number> = { begin: 0, probe: 0, send: 0, complete: 0, discard: 0 }
  const wire: Wire = {
    adapter: { ...adapter, driver: (intent) => faulty(adapter.driver(intent)) },
    calls: [],
    acknowledged: [],
    fault: () => undefined,
    before: () => {},
    refresh: undefined,
    onAcknowledged: (piece) => wire.acknowledged.push(piece),
  }

  async function pass<T>(
    name: CallName,
    call: Call,
    note: string,
    make: (cut: boolean) => Promise<T>,
  ): Promise<T> {
    const index = counts[name]++
    wire.calls.push(note)
    await wire.before(name, index)
    const fault = wire.fault(name, index)
    if (fault instanceof FilesError) throw fault
    if (fault === 'request lost') throw new FilesError('Provider', 'injected: request lost')
    if (fault === 'silence') await silence(call.signal)
    const result = await make(fault === 'cut in the middle')
    if (fault === 'answer lost') throw new FilesError('Provider', 'injected: answer lost')
    return result
  }

  function faulty(driver: Driver): Driver {
    const refresh = wire.refresh ?? driver.refresh?.bind(driver)
    const shared = {
      ...(refresh && { refresh }),
      discard: (session: Json, call: Call) =>
        pass('discard', call, 'discard', () => driver.discard(session, call)),
    }
    if (driver.shape === 'parts') {
      const probe = driver.probe?.bind(driver)
      const parts: PartsDriver = {
        ...driver,
        ...shared,
        begin: (intent, partSize, call) =>
          pass('begin', call, 'begin', () => driver.begin(intent, partSize, call)),
        ...(probe && {
          probe: (session, intent, body, call) =>
            pass('probe', call, 'probe', () => probe(session, intent, body, call)),
        }),
        send: (session, number, payload, call) =>
          pass('send', call, `send ${payload.start}+${payload.size}`, async (cut) => {
            const receipt = await driver.send(session, number, cut ? halved(payload) : payload, call)
            wire.onAcknowledged({ start: payload.start, size: receipt.size })
            return receipt
          }),
        complete: (session, intent, receipts, digest, call) =>
          pass('complete', call, 'complete', () => driver.complete(session, intent, receipts, digest, call)),
      }
      return parts
    }
    const lanes: OffsetDriver = {
      ...driver,
      ...shared,
      // They are final only after `prepare`: copied now, no upload would have lanes.
      get maxLanes() {
        return driver.maxLanes
      },
      get chunk() {
        return driver.chunk
      },
      begin: (intent, all, first, call) =>
        pass('begin', call, 'begin', () => driver.begin(intent, all, first, call)),
      probe: (session, intent, all, body, call) =>
        pass('probe', call, 'probe', () => driver.probe(session, intent, all, body, call)),
      send: (session, lane, payload, call) =>
        pass('send', call, `send ${payload.start}+${payload.size}`, async (cut) => {
          const offset = await driver.send(session, lane, cut ? halved(payload) : payload, call)
          wire.onAcknowledged({ start: payload.start, size: offset - payload.start })
          return offset
        }),
      complete: (session, intent, call) =>
        pass('complete', call, 'complete', () => driver.complete(session, intent, call)),
    }
    return lanes
  }
  return wire
}

/** A body that breaks off after half of its bytes. */
function halved(payload: Payload): Payload {
  const broken = () => new FilesError('Provider', 'injected: cut in the middle')
  return {
    ...payload,
    bytes: async () => {
      throw broken()
    },
    blocks: async function* () {
      let left = Math.floor(payload.size / 2)
      for await (const block of payload.blocks()) {
        if (block.length >= left) {
          yield block.subarray(0, left)
          throw broken()
        }
        left -= block.length
        yield block
      }
    },
  }
}

function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
