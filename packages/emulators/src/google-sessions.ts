/**
 * Resumable sessions as Google's upload servers keep them, for Cloud Storage and Drive alike.
 * https://cloud.google.com/storage/docs/performing-resumable-uploads
 *
 * Bytes are kept in steps of 256 KiB until the last; what is sent again below the offset is ignored; what begins
 * beyond it is refused with 503; a request of fewer than 256 KiB that is not the last with 400.
 */
import { randomBytes } from 'node:crypto'
import { Growing } from './growing.ts'
import { type Asked, Refused, type Reply } from './listen.ts'

const STEP = 256 * 1024

interface Session<Subject> {
  readonly subject: Subject
  /** As the start announced it. */
  readonly size: number | undefined
  readonly data: Growing
  /** The answer that completed it: given again to whoever asks. */
  done?: Reply
}

export interface GoogleSessions<Subject> {
  open(subject: Subject, size: number | undefined): string
  put(id: string, asked: Asked): Reply
  cancel(id: string): Reply
  /** The sessions end as after a week. */
  expire(): void
  readonly unfinished: number
}

/** @param finish Makes the object. What it refuses ends the session. */
export function googleSessions<Subject>(
  finish: (subject: Subject, bytes: Buffer, headers: Asked['headers']) => Reply,
): GoogleSessions<Subject> {
  const sessions = new Map<string, Session<Subject>>()
  const expired = new Set<string>()

  function find(id: string): Session<Subject> {
    const session = sessions.get(id)
    if (session) return session
    throw new Refused(plain(expired.has(id) ? 410 : 404, 'Not Found'))
  }

  function complete(id: string, session: Session<Subject>, headers: Asked['headers']): Reply {
    try {
      session.done = finish(session.subject, session.data.bytes(), headers)
      return session.done
    } catch (error) {
      sessions.delete(id)
      throw error
    }
  }

  return {
    open: (subject, size) => {
      const id = randomBytes(24).toString('base64url')
      sessions.set(id, { subject, size, data: new Growing() })
      return id
    },
    put: (id, { headers, body, whole }) => {
      const session = find(id)
      if (session.done) return session.done
      const { data } = session
      const range = parseRange(headers['content-range'], body.length)
      const total = range.total ?? session.size
      if (range.total !== undefined && session.size !== undefined && range.total !== session.size)
        throw new Refused(plain(400, 'The total differs from the announced length.'))
      if (range.start === undefined)
        return range.total === data.size ? complete(id, session, headers) : incomplete(data.size)
      if (range.start > data.size)
        throw new Refused(
          plain(503, `The upload offset is ${range.start}, beyond the uploaded size of ${data.size}.`),
        )
      if (whole && range.end !== undefined && range.end - range.start + 1 !== body.length)
        throw new Refused(plain(400, 'The content is not as long as its range.'))
      if (total !== undefined && range.start + body.length > total)
        throw new Refused(plain(400, 'The content passes the total.'))
      const fresh = body.subarray(data.size - range.start)
      const last = whole && data.size + fresh.length === total
      if (last) {
        data.add(fresh)
        return complete(id, session, headers)
      }
      if (whole && body.length < STEP)
        throw new Refused(plain(400, `All but the last request carry at least ${STEP} bytes.`))
      data.add(fresh.subarray(0, Math.floor((data.size + fresh.length) / STEP) * STEP - data.size))
      return incomplete(data.size)
    },
    cancel: (id) => {
      const session = find(id)
      if (!session.done) sessions.delete(id)
      return plain(499, '')
    },
    expire: () => {
      for (const [id, session] of sessions) {
        if (session.done) continue
        sessions.delete(id)
        expired.add(id)
      }
    },
    get unfinished() {
      return [...sessions.values()].filter((session) => !session.done).length
    },
  }
}

interface Range {
  /** Absent: a question where the upload stands. */
  readonly start?: number
  /** The last byte. Absent: whatever the content holds. */
  readonly end?: number
  readonly total: number | undefined
}

/** `bytes a-b/N`, `bytes a-` with an asterisk for the end, `bytes` asterisk `/N`; N may be an asterisk. */
function parseRange(header: string | undefined, size: number): Range {
  if (header === undefined) return { start: 0, total: size }
  const [, start, end, total] = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(header) ?? []
  if (total === undefined) throw new Refused(plain(400, 'Invalid Content-Range.'))
  const known = total === '*' ? undefined : Number(total)
  if (start === undefined) return { total: known }
  return { start: Number(start), ...(end === '*' ? {} : { end: Number(end) }), total: known }
}

function incomplete(size: number): Reply {
  return { status: 308, headers: size === 0 ? {} : { range: `bytes=0-${size - 1}` } }
}

function plain(status: number, body: string): Reply {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}
