/**
 * The CRC-64/NVME of the whole body from those of its pieces, which a driver computes before it sends them.
 *
 * Unlike the grid it does not outlive the process: what an earlier one sent is read once more at the end.
 */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import { combineCrc64nvme, crc64nvme, shiftOf } from './crc64nvme.ts'
import { bodyChanged } from './grid.ts'
import type { Progress } from './progress.ts'
import type { Source } from './source.ts'

const BLOCK = 1024 * 1024

const ofUploads = new WeakMap<Progress, Stretches>()

/** Those of an upload, which is known by its progress. */
export function stretchesOf(upload: Progress): Stretches {
  const known = ofUploads.get(upload) ?? new Stretches()
  ofUploads.set(upload, known)
  return known
}

class Stretches {
  /** By where they start. */
  readonly #known = new Map<number, { readonly size: number; readonly crc: bigint }>()

  /** @throws FilesError `BodyChanged` if the stretch was another one before */
  note(start: number, size: number, crc: bigint): void {
    const before = this.#known.get(start)
    if (before?.size === size && before.crc !== crc) throw bodyChanged(start, start + size)
    this.#known.set(start, { size, crc })
  }

  async digest(source: Source, signal: AbortSignal): Promise<Digest> {
    const shifts = new Map<number, bigint>()
    const known = [...this.#known].sort(([a], [b]) => a - b)
    let [crc, at] = [0n, 0]
    const readTo = async (end: number) => {
      while (at < end) {
        signal.throwIfAborted()
        const block = await source.read(at, Math.min(at + BLOCK, end))
        crc = crc64nvme(block, crc)
        at += block.length
      }
    }
    for (const [start, stretch] of known) {
      await readTo(start)
      const shift = shifts.get(stretch.size) ?? shiftOf(stretch.size)
      shifts.set(stretch.size, shift)
      crc = combineCrc64nvme(crc, stretch.crc, shift)
      at = start + stretch.size
    }
    await readTo(source.size)
    return { algorithm: 'crc64nvme', value: encodeCrc64nvme(crc) }
  }
}

/** As S3 writes it: base64 of the bytes, the highest first. */
export function encodeCrc64nvme(crc: bigint): string {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, crc)
  return encodeBase64(bytes)
}
