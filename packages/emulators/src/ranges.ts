/** Content by range, as object stores serve it. */
import { Refused, type Reply } from './listen.ts'

/** The bytes that a `Range` header asks for, with the headers that say so. */
export function ranged(bytes: Buffer, header: string | undefined, headers: Record<string, string>): Reply {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? []
  if (from === undefined)
    return { headers: { ...headers, 'content-length': String(bytes.length) }, body: bytes }
  const start = Number(from)
  const end = Math.min(to ? Number(to) : bytes.length - 1, bytes.length - 1)
  if (start > end) throw new Refused({ status: 416, headers: { 'content-range': `bytes */${bytes.length}` } })
  return {
    status: 206,
    headers: {
      ...headers,
      'content-length': String(end - start + 1),
      'content-range': `bytes ${start}-${end}/${bytes.length}`,
    },
    body: bytes.subarray(start, end + 1),
  }
}
