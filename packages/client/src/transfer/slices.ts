import type { Payload, Sums } from '../driver.ts'
import { BLOCK } from './block.ts'

/**
 * A payload whose bytes are in memory already, handed out in slices so that its progress can be seen.
 * @param sums Paces them as they leave; absent where they were paced already.
 */
export function inSlices(
  payload: Payload,
  bytes: Uint8Array<ArrayBuffer>,
  sums?: Pick<Sums, 'step' | 'pay'>,
): Payload {
  return {
    ...payload,
    bytes: async ({ told } = { told: false }) => {
      await sums?.pay(bytes.length)
      if (!told) payload.left(bytes.length)
      return bytes
    },
    blocks: async function* () {
      for (let at = 0; at < bytes.length; ) {
        const slice = bytes.subarray(at, at + (sums?.step(BLOCK) ?? BLOCK))
        await sums?.pay(slice.length)
        yield slice
        payload.left(slice.length)
        at += slice.length
      }
    },
  }
}
