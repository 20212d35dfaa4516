/** Nextcloud's own uploader uploads in chunks to the emulator, which refuses what Nextcloud refuses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NextcloudEmulator, startNextcloud } from './nextcloud.ts'
import { run } from './processes.ts'
import { bytesOf, hasVendor } from './vendor.ts'

const MIB = 1024 * 1024

describe('the emulator of Nextcloud', () => {
  let nextcloud: NextcloudEmulator
  let folder: string
  const body = bytesOf(12 * MIB + 1000)
  beforeAll(async () => {
    nextcloud = await startNextcloud({ quota: 20 * MIB })
    folder = await mkdtemp(join(tmpdir(), 'pawl-nextcloud-'))
    await ask('MKCOL', 'files/me/ü')
  })
  afterAll(async () => {
    await nextcloud?.close()
    await rm(folder, { recursive: true, force: true })
  })

  function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    bytes?: Buffer<ArrayBuffer>,
  ) {
    const authorization = `Bearer ${nextcloud.tokens.current}`
    const url = `${nextcloud.endpoint}/remote.php/dav/${path}`
    return fetch(url, { method, headers: { authorization, ...headers }, body: bytes ?? null })
  }
  async function uploader(to: string, bytes: Buffer) {
    const path = join(folder, 'body.bin')
    await writeFile(path, bytes)
    const script = join(import.meta.dirname, '../vendor/nextcloud-upload.mjs')
    const { endpoint, tokens } = nextcloud
    const args = [script, endpoint, tokens.current, path, to, String(5 * MIB)]
    return JSON.parse((await run(process.execPath, args)).stdout)
  }

  it.runIf(hasVendor('@nextcloud/upload'))(
    "takes chunks of the vendor's uploader, also when an answer is lost, and lists the file for its client",
    { timeout: 60_000 },
    async () => {
      let lost = false
      nextcloud.inject = (call, index) => {
        if (call !== 'send' || index < 1 || lost) return undefined
        lost = true
        return 'lost answer'
      }
      const said = await uploader('ü/x y.bin', body)
      nextcloud.inject = () => undefined
      expect(lost).toBe(true)
      expect(said).toMatchObject({ answer: 201, uploaded: body.length })
      expect(said.listed).toEqual([{ filename: '/ü/x y.bin', size: body.length, type: 'file' }])
      expect(nextcloud.file('ü/x y.bin')?.bytes.equals(body)).toBe(true)
      expect(nextcloud.openSessions()).toBe(0)
      const chunks = nextcloud.requests.filter(({ call, whole }) => call === 'send' && whole)
      expect(new Set(chunks.map(({ size }) => size))).toEqual(new Set([5 * MIB, 2 * MIB + 1000]))
    },
  )

  it('refuses what Nextcloud refuses', async () => {
    const destination = `${nextcloud.files}/ü/refused.bin`
    const to = { destination }
    const status = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status
    const path = 'uploads/me/refused'
    const [chunk, small] = [bytesOf(5 * MIB), bytesOf(5 * MIB - 1)]

    expect(await status('MKCOL', path, { ...to, authorization: 'Bearer x' })).toBe(401)
    expect(await status('MKCOL', path)).toBe(400)
    expect(await status('MKCOL', path, { destination: 'http://127.0.0.1/elsewhere' })).toBe(400)
    expect(await status('PUT', `${path}/1`, to, small)).toBe(404)
    expect(await status('MKCOL', path, to)).toBe(201)
    expect(await status('MKCOL', path, to)).toBe(405)
    for (const name of ['0', '10001', 'x', '-1', '1.5'])
      expect(await status('PUT', `${path}/${name}`, to, small)).toBe(400)
    expect(await status('PUT', `${path}/1`, {}, small)).toBe(400)
    expect(await status('PUT', `${path}/1`, { ...to, 'oc-total-length': String(20 * MIB + 1) }, small)).toBe(
      507,
    )

    expect(await status('PUT', `${path}/00001`, to, small)).toBe(201)
    expect(await status('PUT', `${path}/10000`, to, bytesOf(1))).toBe(201)
    expect(await status('GET', `${path}/1`)).toBe(405)
    const move = (headers: Record<string, string>) => status('MOVE', `${path}/.file`, headers)
    expect(await move({ ...to, 'oc-total-length': '7' })).toBe(400)
    expect(await move(to)).toBe(500)
    expect(await status('PUT', `${path}/1`, to, chunk)).toBe(201)
    expect(await move({})).toBe(400)
    expect(await move({ destination: `${nextcloud.files}/missing/x` })).toBe(409)
    expect(await move({ ...to, 'oc-total-length': String(5 * MIB + 1) })).toBe(201)
    expect(await move(to)).toBe(404)
    expect(nextcloud.file('ü/refused.bin')?.bytes.length).toBe(5 * MIB + 1)

    await status('MKCOL', path, to)
    expect(await status('PUT', `${path}/1`, to, chunk)).toBe(201)
    expect(await move({ ...to, overwrite: 'F' })).toBe(412)
    nextcloud.expireSessions()
    expect(await status('PROPFIND', path)).toBe(404)
    expect(await status('PUT', `${path}/2`, to, chunk)).toBe(404)
    expect(await status('DELETE', path)).toBe(404)
  })
})
