/** The power fails under a server on a real file system, again and again; what it answered before still holds. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { Agent } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { chance, contentOf, KIB, MIB } from './content.ts'
import { mountPowerCutDisk, noPowerCutDisk, type PowerCutDisk } from './power-cut-disk.ts'
import { checked, type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'
import { create, head, keepAlive, patch, send, sha256Of } from './wire.ts'

const CUTS = 3
const SMALL_CLIENTS = 8
const LARGE_CLIENTS = 3
const DISK = 256 * MIB
/** Bodies of at most as many bytes are packed. */
const PACKED = 64 * KIB
/** Bytes of one request of a large upload. */
const CHUNK = 256 * KIB

interface Sent {
  readonly url: string
  readonly size: number
  readonly seed: number
  /** The offset that the last answer told. */
  told: number
}

let disk: PowerCutDisk | undefined
let pawl: Pawl | undefined

afterEach(async () => {
  await pawl?.stop()
  await disk?.remove()
  disk = pawl = undefined
})

for (const [durability, promise] of [
  ['complete', 'what was answered as complete is whole'],
  ['every-ack', 'no offset that was told goes back'],
] as const) {
  const what = `with PAWL_DURABILITY=${durability}: after ${CUTS} power cuts ${promise}, and the rest goes on`
  test(what, { timeout: 240_000 }, async ({ skip }) => {
    if (noPowerCutDisk !== undefined) return skip(noPowerCutDisk)
    const luck = chance(`power cuts, ${durability}`)
    disk = await mountPowerCutDisk(DISK)
    const dataDir = join(disk.folder, 'data')
    await mkdir(dataDir)
    pawl = await startPawl({ dataDir, env: { PAWL_DURABILITY: durability, PAWL_RESERVE: '8mib' } })
    const server = pawl
    const sent: Sent[] = []
    /** Resolves once the power is back. @param sending - ends with the server */
    const powerCut = async (sending: Promise<unknown>): Promise<void> => {
      process.kill(server.pid, 'SIGSTOP')
      const before = sent.map(({ told }) => told)
      await disk?.cut()
      await server.kill()
      await sending
      await disk?.restore()
      await boot(dataDir)
      await server.restart()
      // What was told after that may not have been on the disk.
      sent.length = before.length
      for (const [n, upload] of sent.entries()) await goOn(upload, before[n] ?? 0, durability)
    }
    for (let round = 0; round < CUTS; round += 1) {
      const already = whole(sent)
      const wanted = luck.between(1, 100)
      const seed = luck.between(1, 1e9)
      const clients = Array.from({ length: SMALL_CLIENTS + LARGE_CLIENTS }, (_, n) =>
        sendOn(server, sent, n < SMALL_CLIENTS ? small : large, seed + n),
      )
      await until('some are complete', () => whole(sent) >= already + wanted)
      await powerCut(Promise.all(clients))
    }
    // Nobody else has anything synced just now.
    for (const size of [PACKED, PACKED + 1]) {
      sent.push({ url: await create(server.url, size), size, seed: size, told: 0 })
      await powerCut(Promise.resolve())
    }
    expect(whole(sent)).toBeGreaterThan(CUTS)
    await server.terminate()
    expect(await checked(dataDir)).toMatch(/ 0 findings\n$/)
  })
}

const whole = (sent: readonly Sent[]): number => sent.filter(({ told, size }) => told === size).length
const contentFor = ({ seed }: Pick<Sent, 'seed'>) => contentOf(`power cut ${seed}`)

/** The machine was started again: lengths of files are what was written, not what was synced. */
async function boot(dataDir: string): Promise<void> {
  const path = join(dataDir, 'blobs', 'store.json')
  const marker = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...marker, boot: 'another-boot' }))
}

/** One upload after the other, until the server is gone. */
async function sendOn(
  { url }: Pawl,
  sent: Sent[],
  upload: (server: string, sent: Sent[], seed: number, agent: Agent) => Promise<void>,
  first: number,
): Promise<void> {
  const agent = keepAlive()
  try {
    for (let seed = first; ; seed += SMALL_CLIENTS + LARGE_CLIENTS) await upload(url, sent, seed, agent)
  } catch {
    // The power is gone.
  } finally {
    agent.destroy()
  }
}

/** Every third one brings its bytes with its creation. */
async function small(server: string, sent: Sent[], seed: number, agent: Agent): Promise<void> {
  const size = 1 + (seed % (20 * KIB))
  const body = contentFor({ seed }).bytes(0, size)
  if (seed % 3 === 0) {
    const headers = { 'Upload-Length': String(size), 'Content-Type': 'application/offset+octet-stream' }
    const { status, headers: told } = await send('POST', `${server}/files/`, { headers, body, agent })
    expect(status).toBe(201)
    sent.push({ url: new URL(told.location ?? '', server).href, size, seed, told: size })
    return
  }
  const upload: Sent = { url: await create(server, size), size, seed, told: 0 }
  sent.push(upload)
  await append(upload, body, agent)
}

async function large(server: string, sent: Sent[], seed: number, agent: Agent): Promise<void> {
  const size = PACKED + 1 + (seed % (2 * MIB))
  const upload: Sent = { url: await create(server, size), size, seed, told: 0 }
  sent.push(upload)
  while (upload.told < size) {
    const end = Math.min(size, upload.told + CHUNK)
    await append(upload, contentFor(upload).bytes(upload.told, end), agent)
  }
}

async function append(upload: Sent, body: Uint8Array, agent?: Agent): Promise<void> {
  const reply = await patch(upload.url, upload.told, body, agent)
  expect(reply.status).toBe(204)
  upload.told = Number(reply.headers['upload-offset'])
}

/** @param told - the last offset that an answer told before the cut */
async function goOn(upload: Sent, told: number, durability: 'complete' | 'every-ack'): Promise<void> {
  const { url, size } = upload
  const reply = await head(url)
  if (reply.status === 404) {
    // No byte of it was ever accepted: its client begins anew.
    expect({ durability, told, small: size <= PACKED }).toEqual({
      durability: 'complete',
      told: 0,
      small: true,
    })
    upload.told = 0
    return
  }
  expect(reply.status).toBe(200)
  upload.told = Number(reply.headers['upload-offset'])
  if (told === size || durability === 'every-ack') expect(upload.told).toBeGreaterThanOrEqual(told)
  if (upload.told < size) await append(upload, contentFor(upload).bytes(upload.told, size))
  expect(await sha256Of(url)).toBe(contentFor(upload).sha256(size))
}
