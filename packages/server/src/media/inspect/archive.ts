/** Archives: whether a zip file is whole, and what it says that it becomes. It is never unpacked. */
import { damaged, overLimit } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'

/** The end record and the longest comment behind it. */
const TAIL = 22 + 65_535
const END = 0x06054b50
const ENTRY = 0x02014b50
const ENTRY_BYTES = 46
/** Bytes of a directory that are read. */
const MAX_DIRECTORY = 64 * 1024 * 1024
/** Bytes that may come out of any archive. */
const HARMLESS = 1024 * 1024 * 1024
/** Beyond that, how many times its own size. */
const MAX_GROWTH = 200
const UNKNOWN = 0xffffffff

/** @throws BadMedia */
export async function inspectZip(bytes: MediaBytes): Promise<void> {
  const tail = Buffer.from(await bytes.tail(TAIL))
  const end = tail.lastIndexOf(Buffer.from('504b0506', 'hex'))
  if (end === -1 || end + 22 > tail.length || tail.readUInt32LE(end) !== END) {
    throw damaged('its end is missing')
  }
  const length = tail.readUInt32LE(end + 12)
  const start = tail.readUInt32LE(end + 16)
  // Zip64: archives of more than 4 GiB or 65,535 files. Their directory stands elsewhere, and is not read.
  if (start === UNKNOWN || length === UNKNOWN) return
  const before = bytes.size - tail.length + end
  if (start + length > before) throw damaged('its directory is missing')
  if (length > MAX_DIRECTORY)
    throw overLimit(`an archive with a directory of more than ${MAX_DIRECTORY} bytes`)
  check(Buffer.from(await bytes.read(start, length)), bytes.size)
}

function check(directory: Buffer, size: number): void {
  let packed = 0
  let unpacked = 0
  for (let at = 0; at + ENTRY_BYTES <= directory.length; ) {
    if (directory.readUInt32LE(at) !== ENTRY) throw damaged('its directory makes no sense')
    packed += directory.readUInt32LE(at + 20) % UNKNOWN
    unpacked += directory.readUInt32LE(at + 24) % UNKNOWN
    at +=
      ENTRY_BYTES +
      directory.readUInt16LE(at + 28) +
      directory.readUInt16LE(at + 30) +
      directory.readUInt16LE(at + 32)
  }
  if (packed > size) throw overLimit('an archive whose files lie over each other')
  if (unpacked > HARMLESS && unpacked > size * MAX_GROWTH) {
    throw overLimit(`an archive of ${size} bytes that becomes ${unpacked}`)
  }
}
