/** The digest of the whole body, from what was read while sending. */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import { FilesError } from '../errors.ts'
import type { Grid } from './grid.ts'
import type { Source } from './source.ts'
import { readCell } from './verify.ts'

/** Reads only the cells that were not read in one piece before. */
export async function digestBody(
  source: Source,
  grid: Grid,
  algorithm: Digest['algorithm'],
): Promise<Digest> {
  if (algorithm !== 'crc32') throw new FilesError('NotSupported', `no implementation of ${algorithm} here`)
  for (const index of grid.unknown()) await readCell(source, grid, index)
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, grid.whole() ?? 0)
  return { algorithm, value: encodeBase64(bytes) }
}
