import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Pawl, startPawl } from '../../server/test/process.ts'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
let pawl: Pawl

beforeAll(async () => {
  pawl = await startPawl()
})
afterAll(() => pawl.stop())

test('ls shows a folder level by level, or all of it', async () => {
  await desk.file('listed/a.txt', 10)
  await desk.file('listed/deep/b.txt', 20)
  const url = `file://${desk.folder}/listed/`
  const level = await desk.run(['ls', url])
  expect(linesOf(level.stdout).map((line) => line.trim())).toEqual([
    'deep/',
    expect.stringMatching(/^10 {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}a\.txt$/),
  ])
  const all = await desk.run(['ls', url, '--recursive', '--json'])
  expect(linesOf(all.stdout).map((line) => JSON.parse(line))).toMatchObject([
    { key: 'a.txt', size: 10, url: `${url}a.txt` },
    { key: 'deep/b.txt', size: 20 },
  ])
})

test('get brings an object back under its name, and replaces nothing without --force', async () => {
  const { path, digest } = await desk.file('there/back ä.bin', 3_000_000)
  const sent = await desk.run(['upload', path, `${pawl.url}/files/`])
  const url = sent.stdout.trim()
  const got = await desk.run(['get', url])
  expect([got.code, got.stdout]).toEqual([0, 'back ä.bin\n'])
  const copy = join(desk.folder, 'back ä.bin')
  expect(digestOf(await readFile(copy))).toBe(digest)
  await writeFile(copy, 'mine')
  const refused = await desk.run(['get', url])
  expect([refused.code, await readFile(copy, 'utf8')]).toEqual([1, 'mine'])
  expect(refused.stderr).toContain('--force')
  expect((await desk.run(['get', url, '--force'])).code).toBe(0)
  expect(digestOf(await readFile(copy))).toBe(digest)
})

test.each(['plain.bin', 'with space.bin', 'a;b.bin', 'ä.bin'])('get knows the name %s', async (name) => {
  const { path } = await desk.file(`names/${name}`, 10)
  const url = (await desk.run(['upload', path, `${pawl.url}/files/`])).stdout.trim()
  expect((await desk.run(['get', url])).stdout).toBe(`${name}\n`)
})

test('get and rm say what had no answer, and what broke off', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 1_000_000 })
    response.write(Buffer.alloc(1000), () => setTimeout(() => response.destroy(), 200))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/files/0`
  const cut = await desk.run(['get', url, 'cut.bin'])
  expect([cut.code, cut.stderr]).toEqual([1, expect.stringContaining(`GET ${url} broke off: `)])
  await new Promise((resolve) => server.close(resolve))
  for (const [command, method] of [
    ['get', 'GET'],
    ['rm', 'DELETE'],
  ] as const) {
    const { code, stderr } = await desk.run([command, url])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(`${method} ${url} had no answer: .*ECONNREFUSED`),
    ])
  }
})

test('get replaces no folder, with --force neither', async () => {
  const { path } = await desk.file('folder/a.bin', 10)
  for (const force of [[], ['--force']]) {
    const { code, stderr } = await desk.run(['get', `file://${path}`, 'folder', ...force])
    expect([code, stderr]).toEqual([2, expect.stringContaining('folder is a folder: name the file in it')])
  }
})

test('get into a folder that is not there says so, and a name may be as long as a disk takes it', async () => {
  const { path, digest } = await desk.file('long/a.bin', 10)
  const refused = await desk.run(['get', `file://${path}`, 'nofolder/a.bin'])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('there is no folder nofolder')])
  expect(refused.stderr).not.toContain('.part')
  const name = 'n'.repeat(255)
  expect((await desk.run(['get', `file://${path}`, name])).code).toBe(0)
  expect(digestOf(await readFile(join(desk.folder, name)))).toBe(digest)
})

test('get of what is not there fails and leaves nothing behind', async () => {
  const { code, stderr } = await desk.run(['get', `${pawl.url}/files/${'0'.repeat(32)}`, 'nothing.bin'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('404')])
  await expect(stat(join(desk.folder, 'nothing.bin'))).rejects.toThrow('ENOENT')
})

test('rm deletes objects, on disk and on a tus server', async () => {
  const { path } = await desk.file('removed/a.bin', 1000)
  const gone = await desk.run(['rm', `file://${path}`])
  expect([gone.code, gone.stderr]).toEqual([0, `deleted file://${path}\n`])
  await expect(stat(path)).rejects.toThrow('ENOENT')
  await desk.file('removed/b.bin', 1000)
  const url = (await desk.run(['upload', 'removed/b.bin', `${pawl.url}/files/`])).stdout.trim()
  // Pawl keeps finished objects from whoever only has their URL.
  expect(await desk.run(['rm', url])).toMatchObject({ code: 1, stderr: expect.stringContaining('403') })
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': '5' }
  const created = await fetch(`${pawl.url}/files/`, { method: 'POST', headers })
  const unfinished = new URL(created.headers.get('location') ?? '', pawl.url).href
  const { code, stderr } = await desk.run(['rm', unfinished])
  expect([code, stderr]).toEqual([0, `deleted ${unfinished}\n`])
  expect((await desk.run(['rm', unfinished])).code).toBe(0)
})
