import type { Payload } from '../driver.ts'
import { BLOCK } from './block.ts'

/** A payload whose bytes are in memory already, handed out in slices so that its progress can be seen. */
export function inSlices(payload: Payload, bytes: Uint8Array<ArrayBuffer>): Payload {
  return {
    ...payload,
    bytes: async ({ told } = { told: false }) => {
      if (!told) payload.left(bytes.length)
      return bytes
    },
    blocks: async function* () {
      for (let at = 0; at < bytes.length; at += BLOCK) {
        const slice = bytes.subarray(at, at + BLOCK)
        yield slice
        payload.left(slice.length)
      }
    },
  }
}
