/** A server that is killed while it takes a whole object in one request: all of it is there afterwards, or none. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentOf, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { readCatalog } from './segments.ts'
import { until } from './until.ts'
import { begin, send } from './wire.ts'

const SIZE = 4 * MIB
const SENT = 3 * MIB
const KINDS = [
  { name: 'raw', type: 'application/octet-stream', length: { 'Content-Length': String(SIZE) } },
  { name: 'chunked', type: 'application/octet-stream', length: {} },
  { name: 'form', type: 'multipart/form-data; boundary=b', length: {} },
] as const
const content = contentOf('storage-kill')
const old = content.bytes(0, 1000)

test('kill -9 in the middle of POST /object publishes nothing, leaves nothing, and harms no old object', async () => {
  const pawl = await startPawl({ env: { PAWL_UPLOAD_TTL: '2s' } })
  const read = (key: string) => send('GET', place(pawl, key), { headers: auth(pawl) })
  try {
    for (const { name } of KINDS) expect((await post(pawl, `kept-${name}`, old)).status).toBe(200)
    const sendings = await Promise.all(
      KINDS.flatMap(({ name, type, length }) =>
        [`kept-${name}`, `fresh-${name}`].map(async (key) => {
          const headers = { ...auth(pawl), 'x-upsert': 'true', 'Content-Type': type, ...length }
          const sending = begin('POST', place(pawl, key), { headers })
          for (const bytes of [...head(type), content.bytes(0, SENT)]) await sending.write(bytes)
          return sending
        }),
      ),
    )
    const most = KINDS.length * 2 * (SENT - MIB)
    await until('their bytes are on the disk', async () => (await bytesOn(pawl)) > most)
    await pawl.kill()
    for (const { request } of sendings) request.destroy()
    await pawl.restart()

    for (const { name } of KINDS) {
      expect((await read(`kept-${name}`)).body).toEqual(Buffer.from(old))
      expect((await read(`fresh-${name}`)).status).toBe(400)
    }
    // Halves that nobody can go on with, since nobody was told where they are.
    await until('they are swept', async () => (await bytesOn(pawl)) === KINDS.length * old.length)
    await until('and forgotten', async () => {
      const copy = await readCatalog(pawl.dataDir).catch(() => undefined)
      return copy?.objects === KINDS.length && [...copy.states.keys()].join() === 'complete'
    })
    for (const { name } of KINDS) {
      expect((await read(`kept-${name}`)).body).toEqual(Buffer.from(old))
      expect((await post(pawl, `fresh-${name}`, old)).status).toBe(200)
    }
  } finally {
    await pawl.stop()
  }
})

function head(type: string): Uint8Array[] {
  if (!type.startsWith('multipart')) return []
  return [Buffer.from('--b\r\nContent-Disposition: form-data; name=""; filename="a"\r\n\r\n')]
}

function place(pawl: Pawl, key: string): string {
  return `${pawl.url}/storage/v1/object/photos/${key}`
}

function auth(pawl: Pawl): { Authorization: string } {
  return { Authorization: `Bearer ${/anon key +(\S+)/.exec(pawl.output)?.[1]}` }
}

function post(pawl: Pawl, key: string, body: Uint8Array) {
  return send('POST', place(pawl, key), { headers: auth(pawl), body })
}

/** Of all segments together. */
async function bytesOn(pawl: Pawl): Promise<number> {
  const folder = join(pawl.dataDir, 'blobs', 'segments')
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = files
    .filter((file) => file.isFile())
    .map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
