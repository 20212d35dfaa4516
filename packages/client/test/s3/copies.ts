/** Copies in parts, with small limits: nothing else in them differs from those above 5 GiB. */

import type { S3Server } from '@pawl/emulators/s3-server'
import { afterEach, expect, it } from 'vitest'
import { copyObject } from '../../src/adapters/s3/copy.ts'
import { s3 } from '../../src/adapters/s3/s3.ts'
import type { S3Wire } from '../../src/adapters/s3/wire.ts'
import { elements } from '../../src/adapters/s3/xml.ts'
import { Files } from '../../src/files.ts'
import { randomBytes, same } from '../bodies.ts'

const MIB = 2 ** 20
const limits = { single: 8 * MIB, partSize: 5 * MIB, concurrency: 3, retries: 3 }
const signal = new AbortController().signal
const quiet = { signal, touch: () => {} }

export function copies(server: () => S3Server): void {
  const options = () => ({ bucket: 'copies', ...server() })
  const body = randomBytes(17 * MIB)
  let made = false

  async function open(): Promise<{ files: Files; raw: S3Wire; openUploads(): Promise<number> }> {
    const adapter = s3(options())
    const { raw } = adapter
    const files = new Files({ adapter })
    if (!made) {
      await raw.expect('making the bucket', { method: 'PUT' }, quiet)
      const facts = { contentType: 'video/mp4', metadata: { who: 'mé' }, cacheControl: 'no-store' }
      await files.upload('from ä+b.bin', body, facts)
      made = true
    }
    return {
      files,
      raw,
      openUploads: async () => {
        const answer = await raw.expect('listing', { method: 'GET', query: { uploads: '' } }, quiet)
        return elements(await answer.text(), 'Upload').length
      },
    }
  }
  /** The wire with every request to copy a part in view. */
  function watched(raw: S3Wire, look: (range: string, index: number) => Promise<void> | void) {
    const seen = { inFlight: 0, most: 0, ranges: [] as string[] }
    const wire: S3Wire = {
      ...raw,
      send: async (request, call) => {
        const range = request.headers?.['x-amz-copy-source-range']
        if (range === undefined) return raw.send(request, call)
        seen.most = Math.max(seen.most, ++seen.inFlight)
        seen.ranges.push(range)
        try {
          await look(range, seen.ranges.length)
          return await raw.send(request, call)
        } finally {
          seen.inFlight--
        }
      },
    }
    return { wire, seen }
  }
  afterEach(async () => {
    expect(await (await open()).openUploads()).toBe(0)
  })

  it('copies in parts, some at a time, with type, caching and metadata', async () => {
    const { files, raw } = await open()
    const { wire, seen } = watched(raw, () => {})
    await copyObject(wire, 'from ä+b.bin', 'to ü.bin', 'crc32', signal, limits)
    expect(seen.ranges.sort()).toEqual([
      `bytes=0-${5 * MIB - 1}`,
      `bytes=${10 * MIB}-${15 * MIB - 1}`,
      `bytes=${15 * MIB}-${17 * MIB - 1}`,
      `bytes=${5 * MIB}-${10 * MIB - 1}`,
    ])
    expect(seen.most).toBe(3)
    const copy = await files.download('to ü.bin')
    expect(copy).toMatchObject({ type: 'video/mp4', metadata: { who: 'mé' } })
    expect(same(new Uint8Array(await copy.arrayBuffer()), body)).toBe(true)
  })

  it('tries a part again that failed for the moment', async () => {
    const { files, raw } = await open()
    const { wire, seen } = watched(raw, (_range, index) => {
      if (index === 2) throw new Error('the connection broke')
    })
    await copyObject(wire, 'from ä+b.bin', 'again.bin', 'crc32', signal, limits)
    expect(seen.ranges).toHaveLength(5)
    expect(same(new Uint8Array(await (await files.download('again.bin')).arrayBuffer()), body)).toBe(true)
  })

  it('mixes no two versions of a source that changes meanwhile, and leaves no upload behind', async () => {
    const { files, raw } = await open()
    await files.upload('changing.bin', body)
    const { wire } = watched(raw, async (_range, index) => {
      if (index === 4) await files.upload('changing.bin', randomBytes(17 * MIB, 5))
    })
    const copying = copyObject(wire, 'changing.bin', 'mixed.bin', 'crc32', signal, limits)
    await expect(copying).rejects.toMatchObject({ code: 'Conflict' })
    expect(await files.exists('mixed.bin')).toBe(false)
  })

  it('leaves no upload behind when it is stopped', async () => {
    const { files, raw } = await open()
    const stop = new AbortController()
    const { wire } = watched(raw, (_range, index) => {
      if (index === 3) stop.abort()
    })
    const copying = copyObject(wire, 'from ä+b.bin', 'stopped.bin', 'crc32', stop.signal, limits)
    await expect(copying).rejects.toThrow()
    expect(await files.exists('stopped.bin')).toBe(false)
  })

  it('says that a source is not there before anything is begun', async () => {
    const { raw } = await open()
    const copying = copyObject(raw, 'nothing', 'to', 'crc32', signal, limits)
    await expect(copying).rejects.toMatchObject({ code: 'NotFound' })
  })
}
