/** The digest of the whole body that the provider will report, from what was read while sending. */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import type { Transfer } from './transfer.ts'

/** Only what was not read while sending is read now. Undefined where no digest will be reported. */
export async function digestOfWhole(
  { driver, grid, running, source }: Transfer,
  call: { readonly signal: AbortSignal; touch?(): void },
): Promise<Digest | undefined> {
  if (running) return running.finish(source, call)
  if (driver.digest !== 'crc32' || grid === undefined) return undefined
  const { readCell } = await import('./verify.ts')
  for (const index of grid.unknown()) {
    await readCell(source, grid, index)
    call.touch?.()
  }
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, grid.whole() ?? 0)
  return { algorithm: 'crc32', value: encodeBase64(bytes) }
}
