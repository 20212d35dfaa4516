import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bunS3 } from './bun-s3.ts'

const root = join(import.meta.dirname, '../../../../..')
/** In a folder of its own; see test/runtimes. On other systems than Linux it is not there. */
const bun = join(root, 'test/runtimes/node_modules/@oven/bun-linux-x64/bin/bun')
const onLinux = process.platform === 'linux' && process.arch === 'x64'

const region = 'us-east-1'

/** Runs a program on Bun; resolves to what it said. */
async function run(
  args: readonly string[],
  env: Record<string, string>,
  /** A test that ran out of time must not leave its process behind. */
  signal: AbortSignal,
): Promise<{ code: number; said: string }> {
  await chmod(bun, 0o755)
  const child = spawn(bun, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  child.on('error', () => {}) // of the signal; `close` follows
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const code = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)))
  return { code, said }
}

/** What the suite of an upload and of operations do to the adapter, and what its sessions cannot do. */
const PROGRAM = `
import { Files, UploadControl } from './packages/client/src/index.ts'
import { bunS3 } from './packages/client/src/adapters/bun-s3/bun-s3.ts'
const place = JSON.parse(process.env.PAWL_TEST_S3)
const open = () => new Files({ adapter: bunS3({ bucket: 'program', ...place }), retries: 0 })
const said = (promise) => promise.then(() => 'done', (error) => error.code + ': ' + error.message)
const body = new Uint8Array(12 * 2 ** 20).fill(7)
const control = new UploadControl()
const stop = new AbortController()
await said(open().upload('key', body, { control, signal: stop.signal, onProgress: () => stop.abort() }))
const again = { control: UploadControl.from(JSON.stringify(control)) }
console.log(JSON.stringify([
  await said(open().upload('key', body, again)),
  await said(open().upload('key', body, { resume: { load() {}, save() {}, remove() {} } })),
  await said(open().upload('key', body)),
]))
process.exit(0)
`

it('says that it needs Bun', () => {
  expect(() => bunS3({ bucket: 'bucket' })).toThrow('needs Bun')
})

it.runIf(onLinux && process.env.CI === 'true')('is tested on Bun', () => {
  expect(existsSync(bun)).toBe(true)
})

describe.runIf(existsSync(bun) && (await hasSwift()))('bun-s3 on Swift', () => {
  let server: S3Server
  let env: Record<string, string>
  beforeAll(async () => {
    server = await startSwift()
    env = { PAWL_TEST_S3: JSON.stringify({ endpoint: server.endpoint, region, ...server.credentials }) }
  }, 240_000)
  afterAll(() => server?.close())

  it('lives through what every adapter has to', { timeout: 240_000 }, async ({ signal }) => {
    const { code, said } = await run(
      ['test', '--timeout', '60000', './packages/client/test/bun/bun-s3.suite.ts'],
      env,
      signal,
    )
    expect(said).toMatch(/^ 0 fail$/m)
    expect(Number(/^ (\d+) pass$/m.exec(said)?.[1])).toBeGreaterThan(30)
    expect(code).toBe(0)
  })

  it('runs the example of its page', async ({ signal }) => {
    const page = await readFile(join(root, 'docs/adapters/bun-s3.md'), 'utf8')
    const [, example = ''] = /```ts\n(.*?)```/s.exec(page) ?? []
    // The bucket of the suite of uploads, and a file that is here.
    const led = example
      .replace(
        "{ bucket: 'backups' }",
        JSON.stringify({ bucket: 'scenarios', ...JSON.parse(env.PAWL_TEST_S3 ?? '') }),
      )
      .replace("fromPath('db.tar')", "fromPath('package.json')")
    const { said } = await run(['-e', led], env, signal)
    expect(said).toMatch(/^2026\/db\.tar \d+\n$/)
  })

  it('refuses what was begun in another process, and to be kept for one', async ({ signal }) => {
    const { said } = await run(['-e', PROGRAM], env, signal)
    expect(JSON.parse(said)).toEqual([
      expect.stringMatching(/^NotSupported: .+ only in the process .+ use pawl\/s3$/),
      expect.stringMatching(/^NotSupported: .+ does not outlive its process/),
      // Bun does not tell that there is no such bucket.
      expect.stringMatching(/^(NotFound|Provider): uploading "key"/),
    ])
  })
})
