/** Archives: whether a zip file is whole, and what it says that it becomes. It is never unpacked. */
import { damaged, overLimit } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'

/** The end record and the longest comment behind it. */
const TAIL = 22 + 65_535
const LARGE_END = 0x06064b50
const LOCATOR = 0x07064b50
const LARGE_SIZES = 1
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
  if (end === -1 || end + 22 > tail.length) throw damaged('its end is missing')
  const short = { length: tail.readUInt32LE(end + 12), start: tail.readUInt32LE(end + 16) }
  const large = short.start === UNKNOWN || short.length === UNKNOWN
  const { start, length } = large ? await largeDirectory(bytes, tail.subarray(0, end)) : short
  if (start + length > bytes.size) throw damaged('its directory is missing')
  if (length > MAX_DIRECTORY)
    throw overLimit(`an archive with a directory of more than ${MAX_DIRECTORY} bytes`)
  check(Buffer.from(await bytes.read(start, length)), bytes.size)
}

/** Zip64: more than 4 GiB or 65,535 files. A record in front of the end says where its own end stands. */
async function largeDirectory(bytes: MediaBytes, before: Buffer): Promise<{ start: number; length: number }> {
  const locator = before.subarray(-20)
  if (locator.length < 20 || locator.readUInt32LE(0) !== LOCATOR) throw damaged('its directory is missing')
  const record = Buffer.from(await bytes.read(Number(locator.readBigUInt64LE(8)), 56))
  if (record.length < 56 || record.readUInt32LE(0) !== LARGE_END) throw damaged('its directory is missing')
  return { length: Number(record.readBigUInt64LE(40)), start: Number(record.readBigUInt64LE(48)) }
}

function check(directory: Buffer, size: number): void {
  let packed = 0
  let unpacked = 0
  for (let at = 0; at + ENTRY_BYTES <= directory.length; ) {
    if (directory.readUInt32LE(at) !== ENTRY) throw damaged('its directory makes no sense')
    const extra = at + ENTRY_BYTES + directory.readUInt16LE(at + 28)
    const next = extra + directory.readUInt16LE(at + 30)
    const sizes = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20)]
    const [becomes = 0, is = 0] = largeSizes(sizes, directory.subarray(extra, next))
    unpacked += becomes
    packed += is
    at = next + directory.readUInt16LE(at + 32)
  }
  if (packed > size) throw overLimit('an archive whose files lie over each other')
  if (unpacked > HARMLESS && unpacked > size * MAX_GROWTH) {
    throw overLimit(`an archive of ${size} bytes that becomes ${unpacked}`)
  }
}

/** Those sizes that do not fit stand in an extra field, in their order. @throws BadMedia */
function largeSizes(sizes: readonly number[], extra: Buffer): number[] {
  let at = 0
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== LARGE_SIZES)
    at += 4 + extra.readUInt16LE(at + 2)
  at += 4
  return sizes.map((size) => {
    if (size !== UNKNOWN) return size
    if (at + 8 > extra.length) throw damaged('its directory makes no sense')
    at += 8
    return Number(extra.readBigUInt64LE(at - 8))
  })
}
