/** What the FTP client library does not do in one call. */
import { PassThrough, Readable } from 'node:stream'
import type { Client } from 'basic-ftp'
import { replyOf } from './failure.ts'

/** Bytes of a file; undefined if there is none. https://www.rfc-editor.org/rfc/rfc3659#section-4 */
export async function sizeOf(client: Client, path: string): Promise<number | undefined> {
  try {
    return await client.size(path)
  } catch (error) {
    if (replyOf(error) === 550) return undefined
    throw error
  }
}

/**
 * Whether the server keeps a file of the folder from view. Pure-FTPd does, while it writes to one that was there, or
 * believes that it does: as long as it has not noticed that the connection is gone.
 */
export async function isHeld(client: Client, folder: string): Promise<boolean> {
  try {
    const files = await client.list(folder === '' ? '/' : folder)
    return files.some(({ name }) => name.startsWith('.pureftpd-upload.'))
  } catch (error) {
    // Whoever may not look learns nothing by it; without an answer nothing is known.
    if ((replyOf(error) ?? 0) >= 500) return false
    throw error
  }
}

/** Makes the folder of a path. Whether it is there afterwards, the next command tells. */
export async function makeFolder(client: Client, path: string): Promise<void> {
  const segments = path.split('/').slice(1, -1)
  for (const [index] of segments.entries())
    await client.sendIgnoringError(`MKD /${segments.slice(0, index + 1).join('/')}`)
}

/** Writes from `start` on. What lies before stays; what lies behind stays or goes, which depends on the server. */
export async function storeAt(client: Client, path: string, start: number, bytes: Readable): Promise<void> {
  const prepare = client.prepareTransfer
  // REST has to come between opening the data connection and STOR.
  client.prepareTransfer = async (ftp) => {
    const ready = await prepare(ftp)
    await ftp.request(`REST ${start}`)
    return ready
  }
  try {
    await client.uploadFrom(bytes, path)
  } finally {
    client.prepareTransfer = prepare
  }
}

/** Reads at most `count` bytes from `start` on. Where that is not the end of the file, the connection is closed. */
export async function* read(
  client: Client,
  path: string,
  start: number,
  count = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const pipe = new PassThrough()
  const transfer = client.downloadTo(pipe, path, start)
  transfer.catch((error: Error) => pipe.destroy(error))
  let left = count
  let over = false
  try {
    for await (const chunk of pipe) {
      const bytes = new Uint8Array(chunk).subarray(0, left)
      left -= bytes.length
      yield bytes
      if (left === 0) return
    }
    await transfer
    over = true
  } finally {
    if (!over) client.close()
  }
}

/**
 * An empty body. Over TLS it ends a moment late: a connection that is closed at once is closed before the server has
 * finished its side of the handshake, which servers take for an error.
 */
export function nothing(): Readable {
  return Readable.from(
    (async function* () {
      await new Promise((resolve) => setTimeout(resolve, 20))
    })(),
  )
}
