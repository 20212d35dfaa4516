/**
 * Clients that mean harm, against a real process: what they can take is bounded, and others are still served.
 * `npm run test:soak` does the same in the sizes that docs/limits.md tells of (PAWL_TEST_ABUSE=1).
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { RawConnection } from '../src/http/testing/raw-connection.ts'
import { type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'
import { create, head, offsetOf, post, send } from './wire.ts'

const LARGE = process.env.PAWL_TEST_ABUSE === '1'
const IDLE = LARGE ? 5000 : 300
const EMPTY = LARGE ? 5000 : 300
const TRANSFERS = LARGE ? 1000 : 60
const MAX_ACTIVE = LARGE ? 500 : 30
const TIMEOUT = { timeout: 240_000 }

async function start(env: Record<string, string>, { onTestFinished }: TestContext): Promise<Pawl> {
  const pawl = await startPawl({ env })
  onTestFinished(() => pawl.stop())
  return pawl
}

/** Resident memory of the process, in bytes; undefined where the system does not tell. */
async function residentBytes({ pid }: Pawl): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

function openMany(port: number, count: number): Promise<RawConnection[]> {
  return inTurns(count, () => RawConnection.open(port))
}

/** Not all at once: the queue of connections that wait to be accepted is short. */
async function inTurns<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  while (results.length < count) {
    const next = Math.min(100, count - results.length)
    const begun = results.length
    results.push(...(await Promise.all(Array.from({ length: next }, (_, i) => work(begun + i)))))
  }
  return results
}

function patchHead(url: string, length: number): string {
  return (
    `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
    `Content-Type: application/offset+octet-stream\r\nContent-Length: ${length}\r\n\r\n`
  )
}

test.concurrent(
  'headers that never end are cut after 30 s at the most, and others are served meanwhile',
  TIMEOUT,
  async (context) => {
    const pawl = await start({}, context)
    const since = performance.now()
    const slow = await openMany(pawl.port, 20)
    const silent = await openMany(pawl.port, 20)
    const timer = setInterval(() => {
      for (const connection of slow) if (!connection.over) connection.write('X')
    }, 1000)
    context.onTestFinished(() => clearInterval(timer))
    for (const connection of slow) connection.write('POST /files/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    expect((await post(pawl.url, 5)).status).toBe(201)
    const all = [...slow, ...silent]
    await until('all of them are cut', () => all.every((connection) => connection.over), 60_000)
    expect((performance.now() - since) / 1000).toBeLessThan(40)
    // Not a word: 408 would make clients give up for good.
    expect(all.map((connection) => connection.pending).join('')).toBe('')
  },
)

test.concurrent(
  'a body that comes a byte at a time holds its place only as long as PAWL_MIN_RATE lets it',
  TIMEOUT,
  async (context) => {
    const pawl = await start({ PAWL_MIN_RATE: '1kb' }, context)
    const url = await create(pawl.url, 1_000_000)
    const connection = await RawConnection.open(pawl.port)
    connection.write(patchHead(url, 1_000_000))
    const since = performance.now()
    let sent = 0
    while (!connection.over && performance.now() - since < 60_000) {
      connection.write('x')
      sent += 1
      await sleep(100)
    }
    const seconds = (performance.now() - since) / 1000
    expect(seconds).toBeGreaterThan(28)
    expect(seconds).toBeLessThan(45)
    expect(connection.pending, 'no answer').toBe('')
    const offset = await offsetOf(url)
    expect(offset).toBeGreaterThan(sent * 0.8)
    connection.destroy()
  },
)

test(
  `${IDLE} idle connections take little memory each, and a new client is served at once`,
  TIMEOUT,
  async (context) => {
    const pawl = await start({}, context)
    await create(pawl.url, 1)
    const before = await residentBytes(pawl)
    const idle = await openMany(pawl.port, IDLE)
    const since = performance.now()
    expect((await post(pawl.url, 5)).status).toBe(201)
    expect(performance.now() - since).toBeLessThan(5000)
    const after = await residentBytes(pawl)
    if (before !== undefined && after !== undefined) {
      const each = (after - before) / IDLE / 1000
      console.log(`${IDLE} idle connections: ${each.toFixed(1)} kB each`)
      expect(each).toBeLessThan(LARGE ? 30 : 200)
    }
    for (const connection of idle) connection.destroy()
  },
)

test(
  'headers that are too large or too many are refused with 431, and the connection ends',
  TIMEOUT,
  async (context) => {
    const pawl = await start({}, context)
    const bombs = {
      'one large header': `X-Bomb: ${'x'.repeat(1_000_000)}\r\n`,
      'many headers': Array.from({ length: 20_000 }, (_, i) => `X-${i}: y\r\n`).join(''),
      'a large target': '',
    }
    for (const [name, headers] of Object.entries(bombs)) {
      const connection = await RawConnection.open(pawl.port)
      const target = headers === '' ? `/files/${'a'.repeat(300_000)}` : '/files/'
      connection.write(`POST ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
      expect((await connection.reply())?.status, name).toBe(431)
      await connection.closed()
      connection.destroy()
    }
    expect((await post(pawl.url, 5)).status).toBe(201)
  },
)

test(
  `${EMPTY} uploads without a byte cost little on disk, and PAWL_MAX_OPEN stops more`,
  TIMEOUT,
  async (context) => {
    const pawl = await start({ PAWL_MAX_OPEN: String(EMPTY) }, context)
    const sizeOf = async (): Promise<number> => {
      const names = ['catalog.sqlite', 'catalog.sqlite-wal']
      const sizes = names.map((name) =>
        stat(join(pawl.dataDir, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      )
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    }
    const before = await sizeOf()
    const since = performance.now()
    await inTurns(EMPTY, () => create(pawl.url, 1_000_000))
    const seconds = (performance.now() - since) / 1000
    const each = ((await sizeOf()) - before) / EMPTY
    console.log(
      `${EMPTY} empty uploads in ${seconds.toFixed(1)} s: ${Math.round(each)} bytes of catalog each, journal included`,
    )
    // The journal may hold each page of a small catalog many times; it does not grow with more uploads.
    expect(each).toBeLessThan(LARGE ? 4000 : 40_000)
    const refused = await post(pawl.url, 1_000_000)
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
  },
)

test(
  `of ${TRANSFERS} PATCHes of one client ${MAX_ACTIVE} are taken, the others are told to wait, and HEAD is answered`,
  TIMEOUT,
  async (context) => {
    const pawl = await start({ PAWL_MAX_ACTIVE: String(MAX_ACTIVE) }, context)
    const urls = await inTurns(TRANSFERS, () => create(pawl.url, 1_000_000))
    const before = await residentBytes(pawl)
    const held = await inTurns(TRANSFERS, async (n) => {
      const connection = await RawConnection.open(pawl.port)
      connection.write(`${patchHead(urls[n] ?? '', 1_000_000)}${'x'.repeat(1000)}`)
      return connection
    })
    const refused = (): number => held.filter(({ pending }) => pending.startsWith('HTTP/1.1 503 ')).length
    await until('all others are refused', () => refused() === TRANSFERS - MAX_ACTIVE)
    expect((await head(urls[0] ?? '')).status).toBe(200)
    expect(
      (await send('OPTIONS', `${pawl.url}/files/`, { headers: { 'Tus-Resumable': '1.0.0' } })).status,
    ).toBe(204)
    const after = await residentBytes(pawl)
    if (before !== undefined && after !== undefined) {
      console.log(
        `${MAX_ACTIVE} held transfers: ${((after - before) / MAX_ACTIVE / 1000).toFixed(1)} kB each`,
      )
    }
    for (const connection of held) connection.destroy()
    await until('their places are free again', async () => {
      const reply = await send('PATCH', urls.at(-1) ?? '', {
        headers: {
          'Content-Type': 'application/offset+octet-stream',
          'Upload-Offset': '0',
          'Content-Length': '1',
        },
        body: Buffer.from('x'),
      })
      return reply.status === 204
    })
  },
)
