/** Lets pages of other origins use a face, on success and on every error alike. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

const EXPOSED = [
  'Location',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Expires',
  'Upload-Metadata',
  'Upload-Defer-Length',
  'Upload-Concat',
  'Upload-Complete',
  'Upload-Limit',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Tus-Complete',
  'ETag',
  'Repr-Digest',
  'Accept-Ranges',
  'Content-Range',
  'Content-Disposition',
  'Allow',
  'Retry-After',
  'Pawl-Object-Id',
  'Pawl-Object-Version',
].join(', ')

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

export interface Cors {
  /** Sets what every answer carries. */
  apply(req: IncomingMessage, res: ServerResponse): void
  /** Whether this is a browser asking first; the answer then needs no more than the headers set here. */
  isPreflight(req: IncomingMessage): boolean
  /** What can be said to whoever asks, when the request itself could not be read. */
  readonly unconditional: OutgoingHttpHeaders
}

/** @param origins - origins as browsers write them, or `*` */
export function corsFor(origins: readonly string[]): Cors {
  const everyone = origins.includes('*')
  return {
    unconditional: everyone
      ? { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': EXPOSED }
      : {},
    apply(req, res) {
      const origin = req.headers.origin
      if (!everyone) res.setHeader('Vary', 'Origin')
      if (everyone) res.setHeader('Access-Control-Allow-Origin', '*')
      else if (origin !== undefined && origins.includes(origin))
        res.setHeader('Access-Control-Allow-Origin', origin)
      else return
      res.setHeader('Access-Control-Expose-Headers', EXPOSED)
      if (!this.isPreflight(req)) return
      res.setHeader('Access-Control-Allow-Methods', METHODS)
      const requested = req.headers['access-control-request-headers']
      // Only names that can be header names are given back.
      if (requested !== undefined && /^[\w!#$%&'*+.^`|~, -]{1,4096}$/.test(requested)) {
        res.setHeader('Access-Control-Allow-Headers', requested)
      }
      res.setHeader('Access-Control-Max-Age', '7200')
    },
    isPreflight(req) {
      return (
        req.method === 'OPTIONS' &&
        req.headers.origin !== undefined &&
        req.headers['access-control-request-method'] !== undefined
      )
    },
  }
}
