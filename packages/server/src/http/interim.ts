/** To whom an interim answer may be sent. */
import type { IncomingMessage } from 'node:http'
import proxyAddr from '@fastify/proxy-addr'

/** What proxies add to a request. */
const MARKS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'via']

/**
 * @param interim - `auto`: not through a proxy, because one that is common loses the final answer behind an interim
 *   one on a connection that it keeps open
 * @param trusted - addresses and networks of proxies
 */
export function interimTo(
  interim: 'auto' | 'on' | 'off',
  trusted: readonly string[],
): (req: IncomingMessage) => boolean {
  if (interim !== 'auto') return () => interim === 'on'
  const isProxy = proxyAddr.compile([...trusted])
  return ({ headers, socket }) => {
    const from = socket.remoteAddress
    if (from === undefined || (trusted.length > 0 && isProxy(from, 0))) return false
    return MARKS.every((name) => headers[name] === undefined)
  }
}
