import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { newSegmentId } from '../blob-store.ts'
import { sampleBytes } from '../sample-bytes.ts'
import { DiskWriter } from './disk-writer.ts'
import { FreeSpace } from './free-space.ts'

type Handle = ConstructorParameters<typeof DiskWriter>[0]
/** How many bytes the next writev may take, or the error it fails with. */
type Verdict = number | 'ENOSPC' | 'EIO' | 'EDQUOT' | 'EFBIG'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A real file whose writes are as short as told, one verdict per writev; after the last one writes are whole. */
async function faultyFile(verdicts: Verdict[], free = Number.MAX_SAFE_INTEGER) {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-writer-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  const path = join(folder, 'segment')
  const handle = await open(path, 'w')
  cleanups.push(() => handle.close().catch(() => {}))
  const vectors: number[] = []
  let spaceChecks = 0
  const faulty = new Proxy(handle, {
    get(target, name) {
      if (name === 'writev') {
        return async (buffers: Uint8Array[], position: number) => {
          vectors.push(buffers.length)
          const verdict = verdicts.shift()
          if (typeof verdict === 'string') throw Object.assign(new Error(verdict), { code: verdict })
          const all = Buffer.concat(buffers)
          const bytes = verdict === undefined ? all : all.subarray(0, verdict)
          await target.write(bytes, 0, bytes.byteLength, position)
          return { bytesWritten: bytes.byteLength, buffers }
        }
      }
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  }) as Handle
  const space = new FreeSpace(async () => {
    spaceChecks += 1
    return free
  })
  const writer = new DiskWriter(faulty, newSegmentId(), 0, space)
  return { writer, content: () => readFile(path), vectors, spaceChecks: () => spaceChecks }
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  let at = 0
  return sizes.map((size) => {
    at += size
    return bytes.subarray(at - size, at)
  })
}

test('a short write goes on in the middle of a chunk', async () => {
  const { writer, content } = await faultyFile([1, 3, 6, 2])
  const bytes = sampleBytes(30)
  await writer.write([bytes.subarray(0, 5), bytes.subarray(5, 10), bytes.subarray(10)])
  expect(writer.length).toBe(30)
  expect(await content()).toEqual(bytes)
})

test('one writev gets at most the 1,024 buffers that Linux takes', async () => {
  const { writer, content, vectors } = await faultyFile([])
  const bytes = sampleBytes(3000)
  await writer.write(Array.from({ length: 3000 }, (_, at) => bytes.subarray(at, at + 1)))
  expect(vectors).toEqual([1024, 1024, 952])
  expect(await content()).toEqual(bytes)
})

test('a thousand empty chunks are not mistaken for a disk that takes nothing', async () => {
  const { writer, content } = await faultyFile([])
  const empty = Array.from({ length: 1500 }, () => Buffer.alloc(0))
  await writer.write([...empty, sampleBytes(5)])
  expect(await content()).toEqual(sampleBytes(5))
})

test.each([
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EFBIG', 'no-space'],
  ['EIO', 'unavailable'],
] as const)('%s in the middle leaves what came before, at its exact length', async (fault, code) => {
  const { writer, content } = await faultyFile([7, fault])
  const bytes = sampleBytes(30)
  const failing = writer.write([bytes.subarray(0, 5), bytes.subarray(5)])
  await expect(failing).rejects.toMatchObject({ name: 'StoreError', code })
  expect(writer.length).toBe(7)
  expect(await content()).toEqual(bytes.subarray(0, 7))
  await writer.write([bytes.subarray(7)])
  expect(await content()).toEqual(bytes)
})

test('a file that takes nothing at all is an error, not an endless loop', async () => {
  const { writer } = await faultyFile([4, 0])
  await expect(writer.write([sampleBytes(10)])).rejects.toMatchObject({ code: 'unavailable' })
  expect(writer.length).toBe(4)
})

test('whatever the system does, the file is a prefix of what was sent and the length is its length', async () => {
  const verdict = fc.oneof(
    { weight: 4, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.constantFrom('ENOSPC' as const, 'EIO' as const) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(verdict, { maxLength: 12 }),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }),
      async (verdicts, sizes) => {
        const { writer, content } = await faultyFile([...verdicts])
        const sent = sampleBytes(sizes.reduce((sum, size) => sum + size, 0))
        for (let tries = 0; writer.length < sent.byteLength && tries < 30; tries += 1) {
          const rest = sent.subarray(writer.length)
          const chunks = cut(rest, sizes)
          await writer.write(chunks).catch(() => {})
          expect(await content()).toEqual(sent.subarray(0, writer.length))
        }
        expect(await content()).toEqual(sent)
        await writer.close()
      },
    ),
    { numRuns: 60 },
  )
})

test('closing does not wait for a sync that runs, which ends before the file is closed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-writer-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  const handle = await open(join(folder, 'segment'), 'w')
  cleanups.push(() => handle.close())
  const steps: string[] = []
  const space = new FreeSpace(async () => 1000)
  const writer = new DiskWriter(handle, newSegmentId(), 0, space, () => steps.push('closed'))
  await writer.write([sampleBytes(100)])
  const synced = writer.sync().then(() => steps.push('synced'))
  await writer.close()
  steps.push('left')
  await synced
  expect(steps).toEqual(['closed', 'left', 'synced'])
  await vi.waitFor(() => expect(handle.fd).toBe(-1))
})

test('a sync that fails behind a closed writer is told to whoever waits for it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-writer-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  const handle = await open(join(folder, 'segment'), 'w')
  const failing = Promise.withResolvers<void>()
  handle.datasync = () => failing.promise
  const writer = new DiskWriter(handle, newSegmentId(), 0, new FreeSpace(async () => 1000))
  await writer.write([sampleBytes(100)])
  const synced = writer.sync()
  await writer.close()
  failing.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  await expect(synced).rejects.toMatchObject({ name: 'StoreError', code: 'unsynced' })
})

test('free space is looked at before the reserve could be touched, and not with every write', async () => {
  const { writer, spaceChecks } = await faultyFile([], 1000)
  await writer.write([sampleBytes(400)])
  await writer.write([sampleBytes(400)])
  expect(spaceChecks()).toBe(1)
  await writer.write([sampleBytes(400)])
  expect(spaceChecks()).toBe(2)
  await expect(writer.write([sampleBytes(1001)])).rejects.toMatchObject({ code: 'no-space' })
  expect(writer.length).toBe(1200)
})
