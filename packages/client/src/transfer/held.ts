/** A piece whose checksum goes before it: it is looked at as a whole, and then sent. */
import type { Payload } from '../driver.ts'
import { readBlob } from './exact.ts'
import { blobPieces } from './payload.ts'
import { inSlices } from './slices.ts'

export interface Held {
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>
  /** CRC-32, where it follows from what was noted: it costs nothing. */
  readonly noted: number | undefined
  /** What is sent. */
  readonly body: Payload
}

/** Its bytes are paced and count as they leave. */
export async function held(payload: Payload): Promise<Held> {
  const blob = await blobPieces.get(payload)?.()
  if (!blob) {
    const sums = await payload.sums()
    const bytes = await sums.held()
    return { bytes: async () => bytes, noted: sums.noted(), body: inSlices(payload, bytes, sums) }
  }
  const noted = (await payload.sums()).noted()
  const read = () => readBlob(blob, 0, payload.size)
  // For whoever puts more around it. It was paced and noted already.
  const body: Payload = {
    ...payload,
    bytes: async (options) => inSlices(payload, await read()).bytes(options),
    blocks: async function* () {
      yield* inSlices(payload, await read()).blocks()
    },
  }
  blobPieces.set(body, async () => blob)
  return { bytes: read, noted, body }
}
