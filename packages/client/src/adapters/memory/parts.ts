import { encodeBase64 } from '@pawl/protocol'
import type { PartReceipt, PartsDriver, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { sessionText } from '../../session.ts'
import { crc32 } from '../../transfer/crc32.ts'
import type { MemoryStore } from './memory.ts'
import { noSession, publish, published } from './publish.ts'

interface Part {
  readonly receipt: PartReceipt
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Parts kept by number until `complete` joins them. */
export function memoryParts(
  store: MemoryStore,
  intent: UploadIntent,
  minPartSize: number,
): PartsDriver<string> {
  const partsOf = (session: string): Map<number, Part> => {
    const parts = store.sessions.get(session)
    if (parts instanceof Map) return parts
    throw noSession()
  }
  return {
    shape: 'parts',
    digest: 'crc32',
    part: {
      min: minPartSize,
      max: 2 ** 30,
      maxCount: 10_000,
      maxSize: 2 ** 32,
      multiple: 1,
      preferred: 8 * 2 ** 20,
    },
    begin: async () => {
      const session = crypto.randomUUID()
      store.sessions.set(session, new Map<number, Part>())
      return session
    },
    adopt: (session) => (typeof session === 'string' ? session : sessionText(session, 'id')),
    probe: async (session) => {
      if (store.sessions.has(session)) {
        return { state: 'open', parts: [...partsOf(session).values()].map((part) => part.receipt) }
      }
      const result = published(store, intent, session)
      return result ? { state: 'complete', result } : { state: 'gone' }
    },
    send: async (session, number, payload, call) => {
      const bytes = new Uint8Array(payload.size)
      let filled = 0
      for await (const block of payload.blocks()) {
        bytes.set(block, filled)
        filled += block.length
      }
      call.signal.throwIfAborted()
      const receipt = { number, size: bytes.length, etag: `"${crypto.randomUUID()}"` }
      partsOf(session).set(number, { receipt, bytes })
      return receipt
    },
    complete: async (session, _intent, receipts) => {
      const parts = partsOf(session)
      const bytes = new Uint8Array(intent.size)
      let filled = 0
      for (const { number, etag } of receipts) {
        const part = parts.get(number)
        if (part === undefined || part.receipt.etag !== etag) {
          throw new FilesError('Provider', `part ${number} is not the one that was acknowledged`)
        }
        bytes.set(part.bytes, filled)
        filled += part.bytes.length
      }
      const result = publish(store, intent, bytes, session)
      const crc = new Uint8Array(4)
      new DataView(crc.buffer).setUint32(0, crc32(bytes))
      return { ...result, digest: { algorithm: 'crc32', value: encodeBase64(crc) } }
    },
    discard: async (session) => {
      store.sessions.delete(session)
    },
  }
}
