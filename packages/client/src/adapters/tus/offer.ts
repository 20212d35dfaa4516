/** What a tus server says it can do. */
import type { Call } from '../../driver.ts'
import type { TusWire } from './wire.ts'

export interface Offer {
  /** `Tus-Extension`. */
  readonly extensions: readonly string[]
  /** Algorithms for `Upload-Checksum`. */
  readonly checksums: readonly string[]
  /** `Tus-Max-Size`, in bytes. */
  readonly maxSize: number | undefined
}

const NOTHING: Offer = { extensions: [], checksums: [], maxSize: undefined }

/** Asks with `OPTIONS`. A server that does not answer it properly is taken to offer the core protocol only. */
export async function askOffer(wire: TusWire, url: string, call: Call): Promise<Offer> {
  const response = await wire.send({ method: 'OPTIONS', url }, call)
  if (response.status !== 200 && response.status !== 204) return NOTHING
  const extensions = list(response.header('tus-extension'))
  const maxSize = Number(response.header('tus-max-size') ?? Number.NaN)
  return {
    extensions,
    checksums: extensions.includes('checksum') ? list(response.header('tus-checksum-algorithm')) : [],
    maxSize: Number.isSafeInteger(maxSize) && maxSize > 0 ? maxSize : undefined,
  }
}

function list(header: string | undefined): string[] {
  return (header ?? '').split(',').map((item) => item.trim().toLowerCase())
}
