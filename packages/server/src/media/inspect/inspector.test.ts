import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import { type Sample, SVG, samples, zip } from '../testing/samples.ts'
import type { Inspection } from './inspection.ts'
import { Inspector, InspectorError } from './inspector.ts'

const inspector = new Inspector()
afterAll(() => inspector.close())

const look = (bytes: Buffer, declaredType: string, by = inspector): Promise<Inspection> =>
  by.inspect({
    size: bytes.length,
    declaredType,
    read: async (start, end) => bytes.subarray(start, end),
  })
const UNTOLD = 'application/octet-stream'
const byName = async (name: string): Promise<Sample> => {
  const sample = (await samples()).find((one) => one.name === name)
  if (sample === undefined) throw new Error(`there is no sample ${name}`)
  return sample
}
const failed = (code: string) => ({ kind: 'bad', failure: { code } })

describe('what a file is', () => {
  test('is found in the bytes of every kind, whatever was declared or left open', async () => {
    for (const { name, type, mediaType, bytes, facts } of await samples()) {
      const { thumbnail, ...found } = facts
      for (const declared of [type, UNTOLD]) {
        const seen = await look(bytes, declared)
        expect(seen, name).toMatchObject({ kind: 'fine', type, mediaType, facts: found })
        if (seen.kind === 'fine') expect(seen.thumbnail !== undefined, name).toBe(thumbnail === true)
      }
    }
  })

  test('a thumbnail is upright, small, and a picture', async () => {
    const wide = await sharp({ create: { width: 2000, height: 500, channels: 3, background: 'red' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    const seen = await look(wide, 'image/jpeg')
    if (seen.kind !== 'fine' || seen.thumbnail === undefined) throw new Error('there is none')
    const { width, height, format } = await sharp(seen.thumbnail).metadata()
    expect({ width, height, format }).toEqual({ width: 80, height: 320, format: 'webp' })
    expect(seen.facts).toMatchObject({ width: 500, height: 2000, orientation: 6 })
  })

  test.each([
    ['image/png', 'picture.jpg'],
    ['image/jpeg', 'drawing.svg'],
    ['image/png', 'film.mp4'],
    ['application/pdf', 'things.zip'],
    ['video/mp4', 'picture.gif'],
    ['text/plain', 'picture.png'],
  ])('what was declared as %s and is %s is refused', async (declared, name) => {
    expect(await look((await byName(name)).bytes, declared)).toMatchObject(failed('MISMATCH_MIME_TYPE'))
  })

  test('bytes without a mark are what they were declared to be, unless that has one', async () => {
    const text = Buffer.from('a,b\n1,2\n')
    expect(await look(text, 'text/csv; charset=utf-8')).toMatchObject({
      type: 'text/csv',
      mediaType: 'DOCUMENT',
    })
    expect(await look(text, UNTOLD)).toMatchObject({ type: UNTOLD, mediaType: 'OTHER' })
    expect(await look(Buffer.from('<html><script>'), 'image/png')).toMatchObject(failed('MISMATCH_MIME_TYPE'))
    expect(await look(Buffer.from('<?xml version="1.0"?><a/>'), 'image/svg+xml')).toMatchObject(
      failed('MISMATCH_MIME_TYPE'),
    )
  })
})

/** A PNG of any claimed size with any pixels behind it. */
function png(width: number, height: number, pixels: Buffer): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts])
}

const laughs = (levels: number): string => {
  const lines = Array.from({ length: levels }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`)
  return `<!DOCTYPE svg [<!ENTITY l0 "lol">${lines.join('')}]><svg xmlns="a"><text>&l${levels};</text></svg>`
}

describe('hostile files are FAILED', () => {
  const zeros = Buffer.alloc(1024 * 1024)
  test.each([
    [
      'a picture of 4 gigapixels in a few bytes',
      'image/png',
      png(65_000, 65_000, zeros),
      'PROCESSING_LIMIT_EXCEEDED',
    ],
    [
      'a picture with fewer pixels than it says',
      'image/png',
      png(500, 500, Buffer.alloc(1000)),
      'DAMAGED_FILE',
    ],
    ['a picture of no size', 'image/png', png(0, 0, zeros), 'DAMAGED_FILE'],
    ['a billion laughs', 'image/svg+xml', Buffer.from(laughs(9)), 'PROCESSING_LIMIT_EXCEEDED'],
    [
      'entities that contain each other',
      'image/svg+xml',
      Buffer.from('<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]><svg>&a;</svg>'),
      'PROCESSING_LIMIT_EXCEEDED',
    ],
    [
      'an entity from outside',
      'image/svg+xml',
      Buffer.from('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'),
      'DAMAGED_FILE',
    ],
    [
      'an archive that becomes 4 GB',
      'application/zip',
      zip([{ name: 'a', content: zeros, claims: 4e9 }]),
      'PROCESSING_LIMIT_EXCEEDED',
    ],
    [
      'an archive whose files lie over each other',
      'application/zip',
      zip(['a', 'b'].map((name) => ({ name, content: zeros, packed: 5000 }))),
      'PROCESSING_LIMIT_EXCEEDED',
    ],
  ])('%s', async (_, type, bytes, code) => {
    expect(await look(bytes, type)).toMatchObject(failed(code))
  })

  test('cut off anywhere, every kind is refused or read as what is left of it, and the process lives', async () => {
    for (const { name, type, bytes } of await samples()) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * 0.6))
      expect((await look(cut, type)).kind, name).toBe('bad')
    }
  }, 60_000)

  test('damaged at random, nothing is worse than bad', async () => {
    // The same bytes in each run, so that a find can be found again.
    const random = (i: number): number => createHash('sha256').update(String(i)).digest().readUInt32LE()
    for (const { type, bytes } of await samples()) {
      for (let round = 0; round < 6; round += 1) {
        const damaged = Buffer.from(bytes)
        for (let i = 0; i < 12; i += 1) damaged[random(i + round * 100) % damaged.length] = random(i) & 255
        expect(['fine', 'bad']).toContain((await look(damaged, type)).kind)
      }
    }
  }, 60_000)
})

describe('a parser that', () => {
  test('takes too long is killed, and the next file is looked at', async () => {
    const hasty = new Inspector({ time: 300, memory: 1e9 })
    const { bytes } = await byName('picture.png')
    const never = { size: 100, declaredType: UNTOLD, read: () => new Promise<never>(() => {}) }
    expect(await hasty.inspect(never)).toMatchObject(failed('PROCESSING_LIMIT_EXCEEDED'))
    hasty.close()
    const patient = new Inspector()
    expect(await look(bytes, 'image/png', patient)).toMatchObject({ kind: 'fine' })
    patient.close()
  })

  test('takes too much memory is killed', async () => {
    const poor = new Inspector({ time: 20_000, memory: 20_000_000 })
    const slow = {
      ...{ size: 1_000_000, declaredType: UNTOLD },
      read: (start: number, end: number) =>
        new Promise<Uint8Array>((resolve) => setTimeout(() => resolve(Buffer.alloc(end - start)), 1000)),
    }
    const seen = await poor.inspect(slow)
    if (process.platform === 'linux') expect(seen).toMatchObject(failed('PROCESSING_LIMIT_EXCEEDED'))
    poor.close()
  })

  test('cannot get the bytes says nothing of the file', async () => {
    const unreadable = {
      size: 10,
      declaredType: UNTOLD,
      read: () => Promise.reject(new Error('the disk is gone')),
    }
    await expect(inspector.inspect(unreadable)).rejects.toThrow('the disk is gone')
    const closed = new Inspector()
    closed.close()
    await expect(look(Buffer.from(SVG), 'image/svg+xml', closed)).rejects.toThrow(InspectorError)
  })
})
