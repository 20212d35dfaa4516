/** The digest of the whole body. */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import type { Grid } from './grid.ts'
import type { Source } from './source.ts'
import { readCell } from './verify.ts'

/** The CRC-32, from what was read while sending; only cells that were not read in one piece are read again. */
export async function crc32Of(source: Source, grid: Grid): Promise<Digest> {
  for (const index of grid.unknown()) await readCell(source, grid, index)
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, grid.whole() ?? 0)
  return { algorithm: 'crc32', value: encodeBase64(bytes) }
}
