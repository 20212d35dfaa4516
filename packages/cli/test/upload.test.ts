import { chmod, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Pawl, startPawl } from '../../server/test/process.ts'
import { digestAt, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
let pawl: Pawl
let endpoint = ''

beforeAll(async () => {
  pawl = await startPawl()
  endpoint = `${pawl.url}/files/`
})
afterAll(() => pawl.stop())

test('prints the URL of the object on stdout and one line per 10 % on stderr', async () => {
  const { digest } = await desk.file('big.bin', 12_000_000)
  const { code, stdout, stderr } = await desk.run([
    'upload',
    'big.bin',
    endpoint,
    '--limit-rate',
    '6mb',
    '--part-size',
    '1mib',
  ])
  expect(stderr).toContain('big.bin: 100 % (12.0 MB in')
  expect([code, linesOf(stdout).length]).toEqual([0, 1])
  expect(await digestAt(stdout.trim())).toBe(digest)
  const tenths = linesOf(stderr).map((line) => Number(/^big\.bin: (\d+) %/.exec(line)?.[1]))
  expect(tenths.length).toBeGreaterThan(2)
  expect(tenths).toEqual([...new Set(tenths)].sort((a, b) => a - b))
  expect(tenths.every((percent) => percent % 10 === 0)).toBe(true)
  expect(await desk.kept()).toEqual([])
})

test('sends several files and folders, with the paths below the folders as names', async () => {
  const one = await desk.file('one.txt', 1000)
  const two = await desk.file('photos/2024/ä b.jpg', 2000)
  const three = await desk.file('photos/c.jpg', 0)
  await symlink(join(desk.folder, 'one.txt'), join(desk.folder, 'photos/link.txt'))
  await symlink(desk.folder, join(desk.folder, 'photos/around'))
  const { code, stdout, stderr } = await desk.run(['upload', 'one.txt', 'photos', endpoint, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  const events = linesOf(stdout).map((line) => JSON.parse(line))
  const done = new Map(
    events.filter(({ event }) => event === 'done').map((event) => [event.key, event] as const),
  )
  expect([...done.keys()].sort()).toEqual([
    'one.txt',
    'photos/2024/ä b.jpg',
    'photos/c.jpg',
    'photos/link.txt',
  ])
  expect(await digestAt(done.get('one.txt').url)).toBe(one.digest)
  expect(await digestAt(done.get('photos/2024/ä b.jpg').url)).toBe(two.digest)
  expect(await digestAt(done.get('photos/c.jpg').url)).toBe(three.digest)
  expect(done.get('photos/c.jpg').contentType).toBe('image/jpeg')
  expect(events).toContainEqual(expect.objectContaining({ event: 'note' }))
  expect(events.at(-1)).toEqual({ event: 'end', done: 4, failed: 0, resumable: [] })
})

test('copies to a folder of this machine, under the name that was asked for or below it', async () => {
  const { digest } = await desk.file('source/deep/a.bin', 300_000)
  const root = `file://${desk.folder}/target`
  const named = await desk.run(['upload', 'source/deep/a.bin', `${root}/b.bin`])
  expect(linesOf(named.stdout)).toEqual([`${root}/b.bin`])
  expect(await digestAt(`${root}/b.bin`)).toBe(digest)
  const below = await desk.run(['upload', 'source/.', `${root}/`])
  expect(linesOf(below.stdout)).toEqual([`${root}/deep/a.bin`])
  expect(await digestAt(`${root}/deep/a.bin`)).toBe(digest)
})

test('JSON tells progress and the shared limit of the rate is kept', async () => {
  await desk.file('rate/a.bin', 4_000_000)
  await desk.file('rate/b.bin', 4_000_000)
  const began = Date.now()
  const args = ['upload', 'rate', endpoint, '--json', '--limit-rate', '4mb', '--part-size', '1mib']
  const { code, stdout } = await desk.run(args)
  expect(code).toBe(0)
  expect(Date.now() - began).toBeGreaterThan(1400)
  const progress = linesOf(stdout)
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'progress')
  expect(progress.length).toBeGreaterThan(2)
  for (const { loaded, sent, total } of progress) {
    expect(loaded).toBeLessThanOrEqual(sent)
    expect(sent).toBeLessThanOrEqual(total)
  }
})

test('several parts side by side where they were asked for', async () => {
  const { digest } = await desk.file('lanes.bin', 12_000_000)
  const { code, stdout } = await desk.run(['upload', 'lanes.bin', endpoint, '--concurrency', '3'])
  expect(code).toBe(0)
  expect(await digestAt(stdout.trim())).toBe(digest)
})

test('fails with 1 where the server refuses, and goes on with PAWL_TOKEN', async () => {
  const closed = await startPawl({ env: { PAWL_DEV: '0' } })
  try {
    await desk.file('secret.bin', 1000)
    const args = ['upload', 'secret.bin', `${closed.url}/files/`]
    const refused = await desk.run(args)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/secret\.bin: failed: .*401/)
    expect(await desk.kept()).toEqual([])
    const token = await desk.run(['token', '--sub', 'alice', '--ttl', '5m', '--data', closed.dataDir])
    const allowed = await desk.run(args, { PAWL_TOKEN: token.stdout.trim() })
    expect(allowed.code).toBe(0)
    const got = await desk.run(['get', allowed.stdout.trim(), '-'], { PAWL_TOKEN: token.stdout.trim() })
    expect([got.code, got.stdout.length > 0]).toEqual([0, true])
  } finally {
    await closed.stop()
  }
})

test('one file that fails does not stop the others', async () => {
  await desk.file('mixed/good.bin', 1000)
  await desk.file('mixed/bad.bin', 3_000_000)
  const small = await startPawl({ env: { PAWL_MAX_SIZE: '1mb' } })
  try {
    const { code, stdout, stderr } = await desk.run(['upload', 'mixed', `${small.url}/files/`])
    expect([code, linesOf(stdout).length]).toEqual([1, 1])
    expect(stderr).toMatch(/mixed\/bad\.bin: failed/)
    expect(stderr).toContain('1 done, 1 failed')
  } finally {
    await small.stop()
  }
})

test('goes on when nobody reads any more what is told on stderr', async () => {
  const { digest } = await desk.file('unheard.bin', 6_000_000)
  const running = desk.start([
    'upload',
    'unheard.bin',
    endpoint,
    '--limit-rate',
    '6mb',
    '--part-size',
    '1mib',
  ])
  await running.shows(/unheard\.bin: \d+ %/)
  running.child.stderr?.destroy()
  const { code, stdout } = await running.ended
  expect([code, await digestAt(stdout.trim())]).toEqual([0, digest])
})

test('goes on when nobody reads any more where files are', async () => {
  const names = ['unread-1.bin', 'unread-2.bin', 'unread-3.bin']
  for (const name of names) await desk.file(name, 500_000)
  const slowly = ['--limit-rate', '1mb', '--concurrency', '1']
  const running = desk.start(['upload', ...names, `file://${desk.folder}/unread/`, ...slowly])
  running.child.stdout?.destroy()
  expect((await running.ended).code).toBe(0)
  expect((await readdir(join(desk.folder, 'unread'))).toSorted()).toEqual(names)
})

test('what cannot be read in a folder counts as failed, and stops none of the others', async () => {
  await desk.file('partly/good.bin', 1000)
  await desk.file('partly/closed/a.bin', 1000)
  const closed = join(desk.folder, 'partly/closed')
  await chmod(closed, 0)
  try {
    const { code, stdout, stderr } = await desk.run(['upload', 'partly', endpoint])
    if (process.getuid?.() === 0) return
    expect([code, linesOf(stdout).length]).toEqual([1, 1])
    expect(stderr).toContain('partly/closed is not sent: EACCES')
    expect(stderr).toContain('1 done, 1 failed')
  } finally {
    await chmod(closed, 0o755)
  }
})
