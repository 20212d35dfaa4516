/** A piece whose bytes are told to a digest of the whole body as they are read for sending. */
import type { Payload, WholeDigest } from '../driver.ts'
import { blobPieces } from '../transfer/payload.ts'

export function told(payload: Payload, whole: WholeDigest | undefined): Payload {
  if (whole === undefined) return payload
  const made: Payload = {
    ...payload,
    bytes: async (options) => {
      const bytes = await payload.bytes(options)
      whole.add(payload.start, bytes)
      return bytes
    },
    blocks: async function* (options) {
      let at = payload.start
      for await (const block of payload.blocks(options)) {
        whole.add(at, block)
        at += block.length
        yield block
      }
    },
  }
  const blob = blobPieces.get(payload)
  if (blob && whole.reach) {
    blobPieces.set(made, async () => {
      const piece = await blob()
      whole.reach?.(payload.start, payload.start + payload.size)
      return piece
    })
  }
  return made
}
