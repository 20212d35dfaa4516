/** The query of a raw request. */
import type { Exchange } from './exchange.ts'

export function queryOf({ req }: Exchange): URLSearchParams {
  const url = req.url ?? ''
  const mark = url.indexOf('?')
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
}
