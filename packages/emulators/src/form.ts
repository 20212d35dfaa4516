/** Fields and files of a `multipart/form-data` body (RFC 7578). */
import type { IncomingHttpHeaders } from 'node:http'

interface FormPart {
  readonly name: string
  readonly filename: string | undefined
  readonly type: string | undefined
  readonly bytes: Buffer
}

/**
 * The parts in order; undefined if it is no form. Of one that broke off, the last part is what arrived of it.
 * @param whole False: the connection broke, and the end need not be there.
 */
export function formParts(
  headers: IncomingHttpHeaders,
  body: Buffer,
  whole: boolean,
): FormPart[] | undefined {
  const [, quoted, plain] =
    /^multipart\/form-data;.*\bboundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers['content-type'] ?? '') ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) return undefined
  const line = Buffer.from(`--${boundary}`)
  if (!body.subarray(0, line.length).equals(line)) return undefined
  const between = Buffer.from(`\r\n--${boundary}`)
  const parts: FormPart[] = []
  for (let at = line.length; ; ) {
    if (body.toString('latin1', at, at + 2) === '--') return parts
    const headEnd = body.indexOf('\r\n\r\n', at)
    if (headEnd < 0) return whole ? undefined : parts
    const head = body.toString('utf8', at, headEnd)
    const end = body.indexOf(between, headEnd + 2)
    if (end < 0 && whole) return undefined
    const [, name = ''] = /\bname="([^"]*)"/i.exec(head) ?? []
    const [, filename] = /\bfilename="([^"]*)"/i.exec(head) ?? []
    const [, type] = /^content-type:\s*(.+)$/im.exec(head) ?? []
    const bytes = body.subarray(headEnd + 4, end < 0 ? undefined : Math.max(end, headEnd + 4))
    parts.push({ name, filename, type: type?.trim(), bytes })
    if (end < 0) return parts
    at = end + between.length
  }
}
