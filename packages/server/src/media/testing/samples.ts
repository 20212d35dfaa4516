/** Real files for tests: a small one of each kind, and what is to be found in it. */
import { readFileSync } from 'node:fs'
import { crc32, deflateRawSync } from 'node:zlib'
import sharp from 'sharp'
import type { MediaFacts, MediaType } from '../media-file.ts'

export interface Sample {
  readonly name: string
  readonly type: string
  readonly mediaType: MediaType
  readonly bytes: Buffer
  readonly facts: MediaFacts
}

const picture = () => sharp({ create: { width: 40, height: 30, channels: 3, background: '#c81e5a' } })
const stored = (name: string): Buffer => readFileSync(new URL(`./samples/${name}`, import.meta.url))

export const SVG = `<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
  <!ENTITY ns_svg "http://www.w3.org/2000/svg">
]>
<!-- as drawing programs write it -->
<svg xmlns="&ns_svg;" width="2cm" viewBox="0 0 50 25" height="24pt"><rect width="9" height="9"/></svg>
`

/** One of each kind that the vendor has a place for. */
export async function samples(): Promise<Sample[]> {
  const image = { width: 40, height: 30, thumbnail: true }
  const jpeg = await picture().jpeg().toBuffer()
  const turned = await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer()
  const of = (name: string, type: string, mediaType: MediaType, bytes: Buffer, facts: MediaFacts = {}) => ({
    ...{ name, type, mediaType, bytes, facts },
  })
  return [
    of('picture.jpg', 'image/jpeg', 'IMAGE', jpeg, { ...image, format: 'jpeg' }),
    of('turned.jpg', 'image/jpeg', 'IMAGE', turned, {
      ...{ width: 30, height: 40, orientation: 6, format: 'jpeg', thumbnail: true },
    }),
    of('picture.png', 'image/png', 'IMAGE', await picture().png().toBuffer(), { ...image, format: 'png' }),
    of('picture.webp', 'image/webp', 'IMAGE', await picture().webp().toBuffer(), {
      ...image,
      format: 'webp',
    }),
    of('picture.gif', 'image/gif', 'IMAGE', await picture().gif().toBuffer(), { ...image, format: 'gif' }),
    of('drawing.svg', 'image/svg+xml', 'VECTOR', Buffer.from(SVG), { width: 76, height: 32, format: 'svg' }),
    of('film.mp4', 'video/mp4', 'VIDEO', stored('film.mp4'), {
      ...{ width: 64, height: 48, duration: 1, bitrate: 41_872, format: 'mp4' },
    }),
    of('tone.mp3', 'audio/mpeg', 'AUDIO', stored('tone.mp3'), {
      duration: 0.574,
      bitrate: 32_003,
      format: 'mp3',
    }),
    of('paper.pdf', 'application/pdf', 'DOCUMENT', pdf()),
    of('things.zip', 'application/zip', 'ARCHIVE', zip([{ name: 'a.txt', content: Buffer.from('hello') }])),
  ]
}

function pdf(): Buffer {
  const parts = [
    '%PDF-1.4\n',
    '1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n',
    '2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n',
    '3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>\nendobj\n',
  ]
  const offsets = parts.map((_, i) => parts.slice(0, i).join('').length).slice(1)
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const start = parts.join('').length
  return Buffer.from(
    `${parts.join('')}xref\n0 4\n0000000000 65535 f \n${table}trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`,
  )
}

interface ZipEntry {
  readonly name: string
  readonly content: Buffer
  /** What the directory says of its size, where that is a lie. */
  readonly claims?: number
  /** Where the directory says that it begins, where that is a lie. */
  readonly packed?: number
}

/** A zip archive as its specification writes it: local headers, directory, end. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, content, claims = content.length, packed } of entries) {
    const data = deflateRawSync(content)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc32(content), 10)
    fields.writeUInt32LE(packed ?? data.length, 14)
    fields.writeUInt32LE(claims, 18)
    fields.writeUInt16LE(name.length, 22)
    locals.push(Buffer.from('PK\x03\x04'), fields, Buffer.from(name), data)
    const entry = Buffer.alloc(46)
    entry.write('PK\x01\x02')
    entry.writeUInt16LE(20, 4)
    fields.copy(entry, 6)
    entry.writeUInt32LE(offset, 42)
    directory.push(entry, Buffer.from(name))
    offset += 30 + name.length + data.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, list, end])
}
