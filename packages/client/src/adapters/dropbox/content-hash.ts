/** https://www.dropbox.com/developers/reference/content-hash */
const BLOCK = 4 * 1024 * 1024

/** The content hash of what is in memory, in hex. */
export async function contentHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += BLOCK)
    hashes.push(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.subarray(at, at + BLOCK))))
  const all = new Uint8Array(hashes.length * 32)
  for (const [index, hash] of hashes.entries()) all.set(hash, index * 32)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', all))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
