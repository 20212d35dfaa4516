import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Pawl, startPawl } from '../../server/test/process.ts'
import { startTcpProxy, type TcpProxy } from '../../server/test/tcp-proxy.ts'
import { digestAt, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
const SIZE = 16_000_000
/** Slow enough to be interrupted, in pieces small enough to be acknowledged meanwhile. */
const SLOWLY = ['--limit-rate', '5mb', '--part-size', '1mib', '--json']
let pawl: Pawl
let proxy: TcpProxy
let endpoint = ''

beforeAll(async () => {
  pawl = await startPawl()
  proxy = await startTcpProxy(pawl.port)
  endpoint = `${proxy.url}/files/`
})
afterAll(async () => {
  await proxy.close()
  await pawl.stop()
})
beforeEach(() => rm(desk.sessions, { recursive: true, force: true }))

/** Starts an upload and waits until the server has acknowledged some of it. */
async function begun(name: string) {
  const running = desk.start(['upload', name, endpoint, ...SLOWLY])
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  return running
}

/** What `resume` printed at last. */
function doneIn(stdout: string) {
  const events = linesOf(stdout).map((line) => JSON.parse(line))
  return events.find(({ event }) => event === 'done')
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s pauses with 130, and pawl resume sends only the rest',
  async (signal) => {
    const { digest } = await desk.file(`${signal}.bin`, SIZE)
    const before = proxy.bytes
    const running = await begun(`${signal}.bin`)
    running.child.kill(signal)
    const first = await running.ended
    expect(first.code).toBe(130)
    const paused = linesOf(first.stdout)
      .map((line) => JSON.parse(line))
      .find(({ event }) => event === 'paused')
    expect(paused.loaded).toBeGreaterThan(1_000_000)
    const [id = ''] = await desk.kept()
    const listed = await desk.run(['sessions', '--json'])
    expect(linesOf(listed.stdout).map((line) => JSON.parse(line))).toMatchObject([
      { id, file: join(desk.folder, `${signal}.bin`), total: SIZE },
    ])
    const second = await desk.run(['resume', id.slice(0, 5), '--json'])
    expect(second.code).toBe(0)
    expect(await digestAt(doneIn(second.stdout).url)).toBe(digest)
    // What was on its way when it was cut may be sent again, nothing else.
    expect(proxy.bytes - before).toBeLessThan(SIZE + 2 * 1024 * 1024)
    expect(await desk.kept()).toEqual([])
  },
)

test('after kill -9 pawl resume goes on, with files that had to wait too', async () => {
  const one = await desk.file('killed/one.bin', SIZE)
  const two = await desk.file('killed/two.bin', 1000)
  const running = desk.start(['upload', 'killed', endpoint, ...SLOWLY, '--concurrency', '1'])
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  // The token follows within a second.
  await new Promise((resolve) => setTimeout(resolve, 1200))
  running.child.kill('SIGKILL')
  await running.ended
  expect((await desk.kept()).length).toBe(2)
  const before = proxy.bytes
  const { code, stdout } = await desk.run(['resume', '--json'])
  expect(code).toBe(0)
  const urls = linesOf(stdout)
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'done')
  const digests = await Promise.all(urls.map(({ url }) => digestAt(url)))
  expect(digests.sort()).toEqual([one.digest, two.digest].sort())
  expect(proxy.bytes - before).toBeLessThan(SIZE - 1_000_000)
  expect(await desk.kept()).toEqual([])
})

test('the same upload command goes on as well', async () => {
  const { digest } = await desk.file('again.bin', SIZE)
  const before = proxy.bytes
  const running = await begun('again.bin')
  running.child.kill('SIGINT')
  await running.ended
  const { code, stdout } = await desk.run(['upload', 'again.bin', endpoint])
  expect([code, await digestAt(stdout.trim())]).toEqual([0, digest])
  expect(proxy.bytes - before).toBeLessThan(SIZE + 2 * 1024 * 1024)
})

test('a file that changed is refused before a byte goes out, and the session is kept', async () => {
  const { path, bytes, digest } = await desk.file('changed.bin', SIZE)
  const original = Buffer.from(bytes)
  // A whole second: fractions do not come back exactly.
  const mtime = new Date('2024-05-05T12:00:00Z')
  await utimes(path, mtime, mtime)
  const running = await begun('changed.bin')
  running.child.kill('SIGINT')
  await running.ended
  const before = proxy.bytes
  bytes.fill(1)
  await writeFile(path, bytes)
  const later = await desk.run(['resume'])
  expect(later.code).toBe(1)
  expect(later.stderr).toMatch(
    /changed\.bin: failed: this is not the body that the session began with: it was modified/,
  )
  // The same size and time, other bytes.
  await utimes(path, mtime, mtime)
  const same = await desk.run(['resume', '--verify', 'full'])
  expect(same.code).toBe(1)
  expect(same.stderr).toMatch(/changed\.bin: failed/)
  // Refused once is refused again: the session still knows the file that it began with.
  expect((await desk.run(['resume', '--verify', 'full'])).code).toBe(1)
  await writeFile(path, bytes.subarray(0, SIZE / 2))
  expect((await desk.run(['resume'])).stderr).toMatch(/it has 8000000 bytes, the session began with 16000000/)
  expect((await desk.run(['resume'])).code).toBe(1)
  // Questions go out, bytes of the file do not.
  expect(proxy.bytes - before).toBeLessThan(20_000)
  await writeFile(path, original)
  await utimes(path, mtime, mtime)
  const right = await desk.run(['resume'])
  expect([right.code, await digestAt(right.stdout.trim())]).toEqual([0, digest])
})

test('pawl abort removes the upload from the server, also when the file is gone', async () => {
  const { path } = await desk.file('abort.bin', SIZE)
  const running = await begun('abort.bin')
  running.child.kill('SIGINT')
  await running.ended
  await rm(path)
  const [id = ''] = await desk.kept()
  const uploads = () =>
    readdir(join(pawl.dataDir, 'blobs'), { recursive: true }).then((names) => names.length)
  const before = await uploads()
  expect((await desk.run(['abort', id])).code).toBe(0)
  expect(await desk.kept()).toEqual([])
  expect(await uploads()).toBeLessThan(before)
  expect((await desk.run(['abort', id])).code).toBe(2)
})

test('pawl abort keeps the session when the server cannot be told', { timeout: 60_000 }, async () => {
  const away = await startPawl()
  await desk.file('away.bin', SIZE)
  const running = desk.start(['upload', 'away.bin', `${away.url}/files/`, ...SLOWLY])
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGINT')
  await running.ended
  await away.stop()
  const [id = ''] = await desk.kept()
  const { code, stderr } = await desk.run(['abort', id])
  expect([code, stderr.startsWith('pawl: ')]).toEqual([1, true])
  expect(await desk.kept()).toEqual([id])
})

test('a second process leaves a running upload alone', async () => {
  const { digest } = await desk.file('twice.bin', SIZE)
  const running = await begun('twice.bin')
  const [id = ''] = await desk.kept()
  // It stands still meanwhile: on a busy machine it would be done before the others have started.
  running.child.kill('SIGSTOP')
  const resumed = await desk.run(['resume', id])
  expect(resumed.code).toBe(1)
  expect(resumed.stderr).toContain(`process ${running.child.pid} is sending it already`)
  expect((await desk.run(['abort', id])).code).toBe(1)
  running.child.kill('SIGCONT')
  const { code, stdout } = await running.ended
  expect([code, await digestAt(doneIn(stdout).url)]).toEqual([0, digest])
})

test('sessions are files that only their owner can read', async () => {
  await desk.file('modes.bin', SIZE)
  const running = await begun('modes.bin')
  const names = await readdir(desk.sessions)
  expect(names.length).toBeGreaterThan(1)
  for (const name of names) {
    const facts = await stat(join(desk.sessions, name)).catch(() => undefined)
    if (facts !== undefined) expect([name, facts.mode & 0o777]).toEqual([name, 0o600])
  }
  expect((await stat(desk.sessions)).mode & 0o777).toBe(0o700)
  running.child.kill('SIGINT')
  await running.ended
  expect((await readdir(desk.sessions)).every((name) => /(\.json|\.sqlite)$/.test(name))).toBe(true)
})

test('an upload that the server forgot: resume says so, upload begins anew', async () => {
  const { digest } = await desk.file('forgotten.bin', SIZE)
  const interruptAndForget = async () => {
    const running = await begun('forgotten.bin')
    running.child.kill('SIGINT')
    await running.ended
    const [id = ''] = await desk.kept()
    const text = await readFile(join(desk.sessions, `${id}.json`), 'utf8')
    const [url = ''] = /http:\/\/[^"]+\/files\/[0-9a-f]{44}/.exec(text) ?? []
    const gone = await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } })
    expect(gone.status).toBe(204)
  }
  await interruptAndForget()
  const resumed = await desk.run(['resume'])
  expect([resumed.code, resumed.stderr]).toEqual([1, expect.stringContaining('forgotten.bin: failed')])
  expect(await desk.kept()).toEqual([])
  await interruptAndForget()
  const { code, stdout } = await desk.run(['upload', 'forgotten.bin', endpoint])
  expect([code, await digestAt(stdout.trim())]).toEqual([0, digest])
})

test('an upload whose file is gone is told so, and goes on once the file is back', async () => {
  const { path, digest } = await desk.file('away/moved.bin', SIZE)
  const running = await begun('away/moved.bin')
  running.child.kill('SIGINT')
  await running.ended
  const [id = ''] = await desk.kept()
  await rename(path, `${path}.old`)
  const refused = await desk.run(['resume'])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(`${path} is not there any more: put it back`)
  expect(refused.stderr).toContain(`pawl abort ${id}`)
  await rename(`${path}.old`, path)
  const { code, stdout } = await desk.run(['resume'])
  expect([code, await digestAt(stdout.trim())]).toEqual([0, digest])
})
