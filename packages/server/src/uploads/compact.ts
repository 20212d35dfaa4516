/**
 * Gives back the space of packs most of whose objects are gone: the pieces that are left are copied into the
 * present pack, and their objects pointed there. The old pack goes as any segment does that nothing refers to.
 * A crash at any point leaves objects that point to either copy, both of which are whole.
 */
import type { BlobStore, SegmentId } from '../blobs/blob-store.ts'
import type { PackedPiece } from '../catalog/packs.ts'
import type { Engine } from './engine.ts'
import type { Packer } from './packer.ts'

/** Pieces copied at a time; small bodies all of them. */
const BATCH = 64

/** Compacts one pack, if there is one that is worth it; resolves to how many pieces were moved. @throws StoreError, CatalogError */
export async function compactOne(engine: Engine, signal?: AbortSignal): Promise<number> {
  const { catalog, small } = engine
  if (small === undefined) return 0
  await small.packer.tidy()
  const [pack] = await catalog.sparsePacks(1)
  return pack === undefined ? 0 : empty(engine, small.packer, pack, signal)
}

async function empty(
  { catalog, blobs, now }: Engine,
  packer: Packer,
  pack: SegmentId,
  signal?: AbortSignal,
): Promise<number> {
  let moved = 0
  let after: number | undefined
  while (!signal?.aborted) {
    const pieces = await catalog.packedPieces(pack, after, BATCH)
    const moves = await Promise.all(
      pieces.map(async (from) => ({ from, to: await packer.add(await bytesOf(blobs, from)) })),
    )
    await catalog.movePieces(moves, now())
    moved += moves.length
    after = pieces.at(-1)?.start
    if (pieces.length < BATCH) break
  }
  return moved
}

async function bytesOf(blobs: BlobStore, { segment, start, length }: PackedPiece): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const stream = blobs.read(segment, start, start + length) as AsyncIterable<Uint8Array>
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
