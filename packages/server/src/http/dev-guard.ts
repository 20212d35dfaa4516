/**
 * Development mode opens uploads to whoever reaches the port, so only this machine may reach it: a page that
 * was rebound to it by DNS, a proxy, or a page of another site may not.
 */
import type { IncomingMessage } from 'node:http'

/** What proxies, tunnels and balancers add. */
const FORWARDING =
  /^(forwarded|forwarded-for|via|x-forwarded.*|x-original-.*|x-real-ip|x-(cluster-)?client-ip|true-client-ip|cf-connecting-ip|fastly-client-ip|fly-client-ip|x-envoy-external-address)$/

/** Why a request is refused in development mode; undefined when it is not. */
export function devRefusal(req: IncomingMessage): string | undefined {
  // In absolute form the target's host is the one that counts (RFC 9112, section 3.2.2).
  const target = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(req.url ?? '')?.[1]
  if (!isLocalHost(req.headers.host ?? '') || (target !== undefined && !isLocalHost(target))) {
    return 'development mode answers to localhost, 127.0.0.1 and [::1] only: start without PAWL_DEV to serve others'
  }
  const forwarded = Object.keys(req.headers).find((name) => FORWARDING.test(name))
  if (forwarded !== undefined) {
    return `development mode takes no forwarded requests (${forwarded}): start without PAWL_DEV behind a proxy`
  }
  const { origin } = req.headers
  if (origin !== undefined && !(URL.canParse(origin) && isLocalHost(new URL(origin).host))) {
    return 'development mode takes no requests from pages of other origins: start without PAWL_DEV to allow them'
  }
  return undefined
}

function isLocalHost(host: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host)
}
