/** The worker of `summing.ts`. */
import { encodeBase64 } from '@pawl/protocol'
import { crc32 } from './crc32.ts'
import { type Hasher, hasherOf } from './hashers.ts'
import type { Asked, Told } from './summing.ts'

/** Digests under way: each piece waits for the one before, and none follows one that failed. */
const digests = new Map<number, Promise<Hasher>>()

async function answer(asked: Asked): Promise<Omit<Told, 'id' | 'done'>> {
  if ('lengths' in asked) {
    const { piece, lengths } = asked
    const crcs: number[] = []
    let at = 0
    for (const length of lengths) {
      crcs.push(crc32(await bytesOf(piece.slice(at, at + length))))
      at += length
    }
    return { crcs }
  }
  const before = digests.get(asked.digest)
  if (!('piece' in asked)) {
    digests.delete(asked.digest)
    const hasher = await before
    return hasher ? { value: encodeBase64(hasher.digest()) } : {}
  }
  const { piece, algorithm } = asked
  const next = (async () => {
    const hasher = (await before) ?? hasherOf(algorithm)
    if (!hasher) throw new TypeError(`no hash for ${algorithm}`)
    hasher.update(await bytesOf(piece))
    return hasher
  })()
  digests.set(asked.digest, next)
  await next
  return {}
}

async function bytesOf(piece: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await piece.arrayBuffer())
  if (bytes.length !== piece.size) throw new RangeError('the body became shorter')
  return bytes
}

const tell = (told: Told) => postMessage(told)

addEventListener('message', async ({ data }: MessageEvent<Asked>) => {
  try {
    tell({ ...(await answer(data)), id: data.id, done: true })
  } catch {
    // Whoever asked does it again, and sees for itself why it does not go.
    tell({ id: data.id })
  }
})
tell({})
