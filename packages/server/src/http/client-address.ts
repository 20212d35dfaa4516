/** Who a request comes from, when proxies stand in between. */
import type { IncomingMessage } from 'node:http'
import proxyAddr from '@fastify/proxy-addr'

/**
 * @param trusted - addresses and networks of proxies: only what they say in `X-Forwarded-For` counts, so
 *   nobody else can pass for another
 */
export function clientAddresses(trusted: readonly string[]): (req: IncomingMessage) => string {
  const trust = proxyAddr.compile([...trusted])
  return (req) => (trusted.length === 0 ? (req.socket.remoteAddress ?? '') : proxyAddr(req, trust))
}
