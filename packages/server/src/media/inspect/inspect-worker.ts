/**
 * The process that looks at media: it may read what is installed, and of the file only the bytes it asks for.
 * Whatever a parser does to it, the server kills it and starts another.
 */

import type { MakeSharp } from './image.ts'
import { inspect } from './inspect.ts'
import type { FromInspector, ToInspector } from './inspection.ts'
import { MediaBytes } from './media-bytes.ts'

const tell = (message: FromInspector): void => void process.send?.(message)

let waiting: ((bytes: Uint8Array) => void) | undefined
const fetch = (start: number, end: number): Promise<Uint8Array> =>
  new Promise((resolve) => {
    if (start >= end) return resolve(new Uint8Array())
    waiting = resolve
    tell({ kind: 'read', start, end })
  })

/** Undefined where it is not installed: pictures are then not decoded. */
async function loadSharp(): Promise<MakeSharp | undefined> {
  try {
    const { default: sharp } = await import('sharp')
    sharp.cache(false)
    sharp.concurrency(1)
    return sharp
  } catch {
    return undefined
  }
}

const sharp = loadSharp()

process.on('message', (message: ToInspector) => {
  if (message.kind === 'bytes') return waiting?.(message.bytes)
  const { size, declaredType } = message.request
  sharp
    .then((made) => inspect(new MediaBytes(size, fetch), declaredType, made))
    .then((inspection) => tell({ kind: 'done', inspection }))
    .catch((error: unknown) => tell({ kind: 'broken', message: String(error) }))
})
process.on('disconnect', () => process.exit())
tell({ kind: 'started' })
