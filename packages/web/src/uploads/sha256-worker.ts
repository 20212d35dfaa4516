/** The sha-256 of files, off the page's thread. Bit by bit: what browsers have built in wants all of it in memory. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Bytes read at a time. */
const PIECE = 4 * 1024 * 1024

addEventListener('message', ({ data }: MessageEvent<File>) => {
  digestOf(data).then(
    (digest) => postMessage({ digest }),
    () => postMessage({}),
  )
})

async function digestOf(file: File): Promise<string> {
  const hash = sha256.create()
  for (let at = 0; at < file.size; at += PIECE) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()))
  }
  return bytesToHex(hash.digest())
}
