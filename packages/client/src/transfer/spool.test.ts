import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { randomBytes, same } from '../../test/bodies.ts'
import { memory } from '../adapters/memory/memory.ts'
import { Files } from '../files.ts'
import { fromPath, spool } from '../node.ts'

it('makes a stream re-readable and leaves nothing behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pawl-test-'))
  const bytes = randomBytes(3 * 2 ** 20 + 1)
  const adapter = memory()
  {
    await using body = await spool(new Blob([bytes]).stream(), { directory })
    expect(body.size).toBe(bytes.length)
    await new Files({ adapter }).upload('a', body)
  }
  expect(same(adapter.raw.objects.get('a')?.bytes, bytes)).toBe(true)
  expect(await readdir(directory)).toEqual([])

  const broken = async function* () {
    yield bytes
    throw new Error('the source broke')
  }
  await expect(spool(broken(), { directory })).rejects.toThrow('the source broke')
  expect(await readdir(directory)).toEqual([])
  await rm(directory, { recursive: true })
})

it('ends with its signal though the stream stalls', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pawl-test-'))
  const generated = async function* () {
    yield randomBytes(10)
    await new Promise<never>(() => {})
  }
  const streamed = () => new ReadableStream({ start: (sink) => sink.enqueue(randomBytes(10)) })
  for (const stream of [generated(), streamed()]) {
    const stop = new AbortController()
    const done = spool(stream, { directory, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 20)
    await expect(done).rejects.toThrow('enough')
  }
  await expect(spool(streamed(), { directory, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  expect(await readdir(directory)).toEqual([])
  await rm(directory, { recursive: true })
})

it('uploads a file by its path and closes it', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'pawl-test-')), 'a.bin')
  await writeFile(path, randomBytes(2 ** 20))
  const adapter = memory()
  const open = async () => (await readdir('/proc/self/fd')).length
  const before = await open()
  await new Files({ adapter }).upload('a', fromPath(path))
  await expect(new Files({ adapter }).upload('a', fromPath(`${path}.not`))).rejects.toThrow('ENOENT')
  // Nor does what fails before the first request leave it open.
  const refusing = {
    ...adapter,
    driver: () => {
      throw new Error('no such key')
    },
  }
  await expect(new Files({ adapter: refusing }).upload('a', fromPath(path))).rejects.toThrow('no such key')
  const store = {
    get: () => Promise.reject(new Error('no store')),
    set: async () => {},
    delete: async () => {},
    list: async () => [],
  }
  await expect(new Files({ adapter }).upload('a', fromPath(path), { resume: store })).rejects.toThrow(
    'no store',
  )
  expect(await open()).toBe(before)
  expect(adapter.raw.objects.get('a')?.bytes.length).toBe((await stat(path)).size)
})
