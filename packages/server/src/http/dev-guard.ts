/**
 * Development mode opens uploads to whoever reaches the port, so only this machine may reach it: a page that
 * was rebound to it by DNS, a proxy, or a page of another site may not.
 */
import type { IncomingMessage } from 'node:http'

const FORWARDING = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'via',
]

/** Why a request is refused in development mode; undefined when it is not. */
export function devRefusal(req: IncomingMessage): string | undefined {
  if (!isLocalHost(req.headers.host ?? '')) {
    return 'development mode answers to localhost, 127.0.0.1 and [::1] only: start without PAWL_DEV to serve others'
  }
  const forwarded = FORWARDING.find((name) => req.headers[name] !== undefined)
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
