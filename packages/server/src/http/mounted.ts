/** What a framework around this server may have done to a request before it comes here. */
import type { IncomingMessage } from 'node:http'

export const BODY_READ =
  'the body was read before Pawl saw the request: put Pawl in front of everything that reads bodies'

/**
 * Why a request cannot be served; undefined when it can. Takes the path that the server is mounted at out of its
 * URL, whether the framework has done so (Express) or not (node:http, Fastify).
 */
export function unmount(
  req: IncomingMessage,
  mountPath: string,
): { status: number; message: string } | undefined {
  if (mountPath !== '') {
    const whole = originalUrl(req) ?? req.url ?? '/'
    if (!isBelow(whole, mountPath))
      return { status: 404, message: `Pawl is mounted at ${mountPath}, and this request is not for it` }
    req.url = whole.slice(mountPath.length)
    if (!req.url.startsWith('/')) req.url = `/${req.url}`
  }
  // Somebody who takes a part of the body takes bytes from an upload, and offsets would be told that are wrong.
  if (req.readableDidRead) return { status: 500, message: BODY_READ }
  return undefined
}

/** What Express and those built like it keep of the URL when they cut the path that a part is mounted at. */
function originalUrl(req: IncomingMessage): string | undefined {
  const url: unknown = 'originalUrl' in req ? req.originalUrl : undefined
  return typeof url === 'string' ? url : undefined
}

function isBelow(url: string, path: string): boolean {
  return url.startsWith(path) && /^(?:[/?#]|$)/.test(url.slice(path.length))
}
