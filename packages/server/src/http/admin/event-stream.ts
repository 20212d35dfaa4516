/**
 * `GET /admin/events/stream`: events as they happen, as server-sent events (HTML Standard, section 9.2), for the
 * page and for people. Live only: what nobody listened to is kept for webhooks, not for streams.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Events } from '../../events/listeners.ts'

export interface EventStreamOptions {
  readonly live: Events
  /** The server closes: streams end, and their readers come back to its successor. */
  readonly closing: AbortSignal
}

/** Proxies close connections on which nothing moves. */
const BEAT_MS = 15_000
/** Bytes a reader may be behind before its stream ends: what it does not read would stay in memory. */
const BEHIND = 1024 * 1024
const MOST = 32

export function registerEventStream(admin: FastifyInstance, { live, closing }: EventStreamOptions): void {
  let open = 0
  admin.get('/events/stream', (_request, reply): FastifyReply => {
    if (closing.aborted || open >= MOST) {
      const error = closing.aborted ? 'the server is closing' : `there are ${MOST} streams already`
      return reply.code(503).header('Retry-After', '5').send({ error })
    }
    open += 1
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // nginx would hold events back otherwise.
      'X-Accel-Buffering': 'no',
    })
    const write = (text: string): void => {
      raw.write(text)
      if (raw.writableLength > BEHIND) raw.destroy()
    }
    const off = live.on('*', (event) =>
      write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    )
    const beat = setInterval(() => write(':\n\n'), BEAT_MS)
    const silence = (): void => {
      off()
      clearInterval(beat)
    }
    const end = (): void => {
      // Who reads slowly has not closed yet when more happens: a write after the end would end the process.
      silence()
      raw.end()
    }
    closing.addEventListener('abort', end)
    raw.once('close', () => {
      open -= 1
      silence()
      closing.removeEventListener('abort', end)
    })
    // The headers go out now: the reader is to know that it is heard.
    write(':\n\n')
    return reply
  })
}
