import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, type TestContext, test } from 'vitest'
import { contentOf, KIB, MIB } from './content.ts'
import { mainScript, type Pawl, type PawlOptions, serverEnv, startPawl } from './process.ts'
import { fileOf } from './segments.ts'
import { create, head, offsetOf, patch, sha256Of } from './wire.ts'

const SIZE = 100 * KIB
const content = contentOf('startup')

test.concurrent('a second server on the same data folder waits for the first, then stops and says why', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const second = await runToEnd({}, ['--data', pawl.dataDir, '--port', '0'])
  expect(second.code).toBe(1)
  expect(second.output).toMatch(/^pawl: .*another server has this data folder open; stop it first$/m)
  // The first one did not notice.
  expect((await patch(url, 0, content.bytes(0, SIZE))).status).toBe(204)
})

test.concurrent('a second server takes over when the first lets go in time', async ({ onTestFinished }) => {
  const first = await start({}, onTestFinished)
  const url = await create(first.url, SIZE)
  const begun = startPawl({ dataDir: first.dataDir })
  await first.terminate()
  const second = await begun
  onTestFinished(() => second.stop())
  expect(await offsetOf(url.replace(first.url, second.url))).toBe(0)
})

test.concurrent.for([
  [{ PAWL_PORT: '80a' }, 'PAWL_PORT is "80a", but must be a port'],
  [{ PAWL_UPLOAD_TTL: '24' }, 'PAWL_UPLOAD_TTL is "24", but must be a time span such as'],
  [{ PAWL_JWT_SECRET: 'too short' }, 'PAWL_JWT_SECRET'],
  [{ PAWL_HOST: '0.0.0.0' }, 'binds loopback only: not 0.0.0.0'],
  [{ PAWL_DATABASE_URL: 'postgres://127.0.0.1/pawl' }, 'PAWL_DATABASE_URL needs PAWL_JWT_SECRET'],
] as const)('%j stops the start with exit code 2 and says what is wrong', async ([env, message]) => {
  const { code, output } = await runToEnd(env, [])
  expect(code).toBe(2)
  expect(output).toContain(message)
  expect(output).not.toMatch(/too short|^ +at /m)
})

test.concurrent.for([[['--prot', '1'], '--prot is not a setting: did you mean port?']] as const)(
  'the arguments %j stop the start with exit code 2',
  async ([args, message]) => {
    const { code, output } = await runToEnd({}, args)
    expect(code).toBe(2)
    expect(output).toContain(message)
  },
)

test.concurrent('an unknown PAWL_ variable is warned of with the nearest name, and what platforms inject is ignored', async ({
  onTestFinished,
}) => {
  const env = {
    PAWL_UPLOAD_TTTL: '1s',
    PAWL_PORT: 'tcp://10.0.0.1:8080',
    PAWL_SERVICE_HOST: '10.0.0.1',
    PAWL_SERVICE_PORT: '8080',
    PAWL_SERVICE_PORT_HTTP: '8080',
    PAWL_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
    PAWL_PORT_8080_TCP_ADDR: '10.0.0.1',
  }
  const pawl = await start({ env }, onTestFinished)
  expect(pawl.output).toContain('PAWL_UPLOAD_TTTL is not a setting: did you mean PAWL_UPLOAD_TTL?')
  expect(pawl.output.match(/is not a setting/g)).toHaveLength(1)
  expect((await fetch(`${pawl.url}/ready`)).status).toBe(200)
})

test.concurrent('the generated secret is for its owner’s eyes only, and stays the same', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const path = join(pawl.dataDir, 'jwt-secret')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const secret = await readFile(path, 'utf8')
  expect(Buffer.from(secret, 'base64').byteLength).toBeGreaterThanOrEqual(32)
  expect(await pawl.terminate()).toBe(0)
  await pawl.restart()
  expect(await readFile(path, 'utf8')).toBe(secret)
  // Uploads are nobody else's business either.
  expect((await stat(join(pawl.dataDir, 'blobs', 'segments'))).mode & 0o077).toBe(0)
  for (const name of ['catalog.sqlite', 'catalog.sqlite-wal']) {
    expect((await stat(join(pawl.dataDir, name))).mode & 0o777, name).toBe(0o600)
  }
})

test.concurrent('a catalog written by a newer version is not opened, and not changed', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  expect(await pawl.terminate()).toBe(0)
  const path = join(pawl.dataDir, 'catalog.sqlite')
  const db = new DatabaseSync(path)
  db.exec('PRAGMA user_version = 999')
  db.close()
  const { code, output } = await runToEnd({}, ['--data', pawl.dataDir, '--port', '0'])
  expect(code).toBe(1)
  expect(output).toMatch(/^pawl: the catalog has version 999, this Pawl knows \d+: start the newer Pawl/m)
  const after = new DatabaseSync(path)
  expect(after.prepare('PRAGMA user_version').get()?.user_version).toBe(999)
  after.close()
})

test.concurrent('a catalog that is no catalog stops the start with a clear message', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  expect(await pawl.terminate()).toBe(0)
  await writeFile(join(pawl.dataDir, 'catalog.sqlite'), Buffer.alloc(8192, 'x'))
  const { code, output } = await runToEnd({}, ['--data', pawl.dataDir, '--port', '0'])
  expect(code).toBe(1)
  expect(output).toMatch(/^pawl: .*the file is damaged.*restore it from a backup/m)
})

test.concurrent('a blob folder of another server is not taken for this one', async ({ onTestFinished }) => {
  const pawl = await start({}, onTestFinished)
  expect(await pawl.terminate()).toBe(0)
  const marker = join(pawl.dataDir, 'blobs', 'store.json')
  const other = { ...(JSON.parse(await readFile(marker, 'utf8')) as object), identity: 'f'.repeat(32) }
  await writeFile(marker, JSON.stringify(other))
  const { code, output } = await runToEnd({}, ['--data', pawl.dataDir, '--port', '0'])
  expect(code).toBe(1)
  expect(output).toMatch(/^pawl: the blob folder is not the one this catalog belongs to/m)
})

test.concurrent('an address of another machine stops the start with a clear message', async () => {
  const { code, output } = await runToEnd({ PAWL_HOST: '192.0.2.1', PAWL_DEV: '0' }, ['--port', '0'])
  expect(code).toBe(1)
  expect(output).toContain('this machine has no address 192.0.2.1 (EADDRNOTAVAIL): set PAWL_HOST')
})

test.concurrent('a data folder that cannot be made stops the start with a clear message', async () => {
  const file = join(import.meta.dirname, 'startup.test.ts')
  const { code, output } = await runToEnd({}, ['--data', file, '--port', '0'])
  expect(code).toBe(1)
  expect(output).toMatch(
    /^pawl: the data folder .*startup\.test\.ts cannot be made \(EEXIST: .*\): set PAWL_DATA/m,
  )
})

test.concurrent('a busy port stops the start with a clear message', async ({ onTestFinished }) => {
  const pawl = await start({}, onTestFinished)
  const { code, output } = await runToEnd({}, ['--port', String(pawl.port)])
  expect(code).toBe(1)
  expect(output).toContain(
    `port ${pawl.port} of 127.0.0.1 is in use (EADDRINUSE): end what uses it, or set PAWL_PORT`,
  )
})

test.concurrent('files that were cut or lost while no server ran are found at start, and every other upload goes on', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const big = 40 * MIB
  const whole = await create(pawl.url, SIZE)
  const torn = await create(pawl.url, big)
  const missing = await create(pawl.url, big)
  const untouched = await create(pawl.url, SIZE)
  const object = await create(pawl.url, SIZE)
  await patch(whole, 0, content.bytes(0, 10))
  // Over the 32 MiB after which bytes are made durable in the background.
  for (const url of [torn, missing]) await patch(url, 0, content.bytes(0, 34 * MIB))
  await patch(object, 0, content.bytes(0, SIZE))
  const files = await Promise.all([torn, missing, object].map((url) => fileOf(pawl.dataDir, url)))
  const [tornFile = '', missingFile = '', objectFile = ''] = files
  // SIGTERM makes the rest durable.
  expect(await pawl.terminate()).toBe(0)
  await truncate(tornFile, MIB)
  await unlink(missingFile)
  await unlink(objectFile)
  const stray = join(pawl.dataDir, 'blobs', 'segments', 'ab', `ab${'0'.repeat(30)}`)
  await writeFile(stray, 'x')
  await pawl.restart()

  const report = lastReport(pawl)
  expect(report).toMatchObject({ shorter: 1, lost: 1, orphan: 1, missing: 1 })
  expect(await offsetOf(whole)).toBe(10)
  expect(await offsetOf(torn)).toBe(MIB)
  expect((await patch(torn, MIB, content.bytes(MIB, big))).status).toBe(204)
  expect(await sha256Of(torn)).toBe(content.sha256(big))
  expect((await head(missing)).status).toBe(410)
  expect((await patch(untouched, 0, content.bytes(0, SIZE))).status).toBe(204)
  expect(await sha256Of(untouched)).toBe(content.sha256(SIZE))
  // Never a body that looks whole.
  expect(await sha256Of(object).catch(() => 'broken')).toBe('broken')
  // What nobody knows is kept for a while: it may be a backup's mistake.
  expect((await stat(stray)).size).toBe(1)
})

test.concurrent('after another boot only what was made durable is believed', async ({ onTestFinished }) => {
  const pawl = await start({}, onTestFinished)
  const url = await create(pawl.url, 64 * MIB)
  const file = await fileOf(pawl.dataDir, url)
  await patch(url, 0, content.bytes(0, 34 * MIB))
  await pawl.kill()
  const marker = join(pawl.dataDir, 'blobs', 'store.json')
  const other = { ...(JSON.parse(await readFile(marker, 'utf8')) as object), boot: 'another-boot' }
  await writeFile(marker, JSON.stringify(other))
  await pawl.restart()
  expect(lastReport(pawl)).toMatchObject({ sameBoot: false })
  const offset = await offsetOf(url)
  expect(offset).toBeLessThanOrEqual(34 * MIB)
  expect((await stat(file)).size, 'what is not believed is cut away').toBe(offset)
  for (let at = offset; at < 64 * MIB; at += 16 * MIB) {
    await patch(url, at, content.bytes(at, Math.min(64 * MIB, at + 16 * MIB)))
  }
  expect(await sha256Of(url)).toBe(content.sha256(64 * MIB))
  await pawl.kill()
  await pawl.restart()
  expect(lastReport(pawl)).toMatchObject({ sameBoot: true })
})

test.concurrent('a start that failed leaves the data folder to the next one', async ({ onTestFinished }) => {
  const data = await mkdtemp(join(tmpdir(), 'pawl-startup-'))
  onTestFinished(() => rm(data, { recursive: true }))
  await mkdir(join(data, 'jwt-secret'))
  expect((await runToEnd({}, ['--data', data, '--port', '0'])).code).toBe(1)
  await rm(join(data, 'jwt-secret'), { recursive: true })
  const pawl = await start({ dataDir: data }, onTestFinished)
  expect((await readdir(data)).sort()).toContain('jwt-secret')
  expect((await head(await create(pawl.url, 1))).status).toBe(200)
})

async function start(options: PawlOptions, onEnd: TestContext['onTestFinished']): Promise<Pawl> {
  const pawl = await startPawl(options)
  onEnd(() => pawl.stop())
  return pawl
}

/** What the newest process said of comparing records and bytes. */
function lastReport({ output }: Pawl): unknown {
  const line = output.split('\n').findLast((text) => text.includes('records and bytes compared'))
  return JSON.parse(line ?? 'null')
}

/** A server that is expected to end by itself. */
async function runToEnd(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const data = await mkdtemp(join(tmpdir(), 'pawl-startup-'))
  const folder = args.includes('--data') ? [] : ['--data', data]
  const child = spawn(process.execPath, [mainScript, ...folder, ...args], {
    env: { ...serverEnv(), PAWL_DEV: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  await rm(data, { recursive: true })
  return { code, output }
}
