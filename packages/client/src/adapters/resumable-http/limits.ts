/** What a server takes, as it says itself. */
import { parseUploadLimit, type UploadLimits } from '@pawl/protocol'
import type { Call, ChunkRule, Payload } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { canStream, type HttpResponse } from '../../http/http.ts'
import { WHOLE } from '../../transfer/block.ts'
import type { ResumableWire } from './wire.ts'

const MIB = 1024 * 1024
/** Beyond this a single request gains nothing. */
const ENDLESS = 2 ** 40

/** What is known of the server: for all uploads of an adapter, or for one. */
export interface Known {
  /** Undefined until it was asked; null for a server that does not know this protocol. */
  limits?: UploadLimits | null
  /** No interim answer comes through from it. */
  quiet?: boolean
}

/** Asks with OPTIONS whether uploads can be resumed, and what bounds there are. */
export async function askLimits(wire: ResumableWire, url: string, call: Call): Promise<UploadLimits | null> {
  const response = await wire.send({ method: 'OPTIONS', url }, call)
  return (response.status < 300 && parseUploadLimit(response.header('upload-limit'))) || null
}

/** Bounds that an answer tells take the place of those known before. */
export function learn(known: Known, { header }: Pick<HttpResponse, 'header'>): void {
  const limits = parseUploadLimit(header('upload-limit'))
  if (limits !== undefined) known.limits = { ...known.limits, ...limits }
}

export function chunkRule({ limits }: Known): ChunkRule {
  const { minAppendSize = 1, maxAppendSize = ENDLESS } = limits ?? {}
  const streams = canStream()
  const max = Math.max(1, streams ? maxAppendSize : Math.min(maxAppendSize, WHOLE))
  // Without streaming nobody sees how far a body has got: begin small, unless it has to go in one request.
  const first = streams ? max : limits === null ? WHOLE : MIB
  return { multiple: 1, min: Math.min(Math.max(1, minAppendSize), max), max, first }
}

/** @throws FilesError `QuotaExceeded` */
export function checkSize(size: number, { limits }: Known): void {
  const maxSize = limits?.maxSize
  if (maxSize === undefined || size <= maxSize) return
  throw new FilesError(
    'QuotaExceeded',
    `the server takes at most ${maxSize} bytes, the body has ${size}`,
    undefined,
    {
      retryable: false,
    },
  )
}

/** The beginning of a piece that is larger than the server takes. */
export function headOf(payload: Payload, size: number): Payload {
  const cut = async function* (blocks: AsyncIterable<Uint8Array<ArrayBuffer>>) {
    let left = size
    for await (const block of blocks) {
      yield block.subarray(0, left)
      left -= block.length
      if (left <= 0) return
    }
  }
  return {
    ...payload,
    size,
    bytes: async (options) => (await payload.bytes(options)).subarray(0, size),
    blocks: (options) => cut(payload.blocks(options)),
  }
}
