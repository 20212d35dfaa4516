import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { afterAll, beforeAll, expect, test as plainTest } from 'vitest'
import { s3 } from '../../client/src/adapters/s3/s3.ts'
import { linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
const there = await hasSwift()
const test = plainTest.runIf(there)
let server: S3Server | undefined
let env: Record<string, string> = {}

beforeAll(async () => {
  if (!there) return
  server = await startSwift()
  const { endpoint, credentials } = server
  env = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: endpoint,
  }
  const quiet = { signal: new AbortController().signal, touch: () => {} }
  await s3({ bucket: 'backups', ...server }).raw.expect('making the bucket', { method: 'PUT' }, quiet)
}, 240_000)
afterAll(() => server?.close())

test('ls s3:// shows a folder level by level, or all of it; rm empties it', async () => {
  await desk.file('2026/a b+ä.bin', 10)
  await desk.file('2026/deep/b.bin', 20)
  expect((await desk.run(['upload', '2026', 's3://backups/'], env)).code).toBe(0)
  const list = async (...args: string[]) => linesOf((await desk.run(['ls', ...args], env)).stdout)
  expect((await list('s3://backups/')).map((line) => line.trim())).toEqual(['2026/'])
  expect((await list('s3://backups/2026/')).map((line) => line.trim())).toEqual([
    '2026/deep/',
    expect.stringMatching(/^10 {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}2026\/a b\+ä\.bin$/),
  ])
  const all = (await list('s3://backups/', '--recursive', '--json')).map((line) => JSON.parse(line))
  expect(all).toMatchObject([
    { key: '2026/a b+ä.bin', url: 's3://backups/2026/a b+ä.bin', size: 10 },
    { key: '2026/deep/b.bin', size: 20 },
  ])
  for (const { url } of all) expect((await desk.run(['rm', url], env)).code).toBe(0)
  expect(await list('s3://backups/', '--recursive')).toEqual([])
})

test('ls of a bucket that is not there says so', async () => {
  const { code, stderr } = await desk.run(['ls', 's3://nothing/'], env)
  expect([code, stderr]).toEqual([1, expect.stringContaining('NoSuchBucket')])
})
