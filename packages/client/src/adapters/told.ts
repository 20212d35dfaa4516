/** A piece whose bytes are told to a digest of the whole body as they are read for sending. */
import type { Payload, WholeDigest } from '../driver.ts'

export function told(payload: Payload, whole: WholeDigest | undefined): Payload {
  if (whole === undefined) return payload
  return {
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
}
