/**
 * Whether a server writes a part of a file where it belongs when it is PUT with `Content-Range`. Some answer so with
 * success and make the part the whole file: it is tried on a file that holds nothing yet, and read back.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.5
 */
import type { Call } from '../../driver.ts'
import type { WebdavWire } from './wire.ts'

/** A range that changes the middle and leaves the end; then one that overlaps the end and goes past it. */
const TRIALS = [
  { range: 'bytes 1-2/4', body: 'BC', held: 'aBCd' },
  { range: 'bytes 3-5/6', body: 'DEF', held: 'aBCDEF' },
] as const

/** Overwrites what is under the URL. */
export async function patches(wire: WebdavWire, what: string, url: string, call: Call): Promise<boolean> {
  await wire.expect(what, { method: 'PUT', url, headers: OCTETS, body: 'abcd' }, call)
  for (const { range, body, held } of TRIALS) {
    const headers = { ...OCTETS, 'content-range': range }
    const response = await wire.send({ method: 'PUT', url, headers, body }, call)
    if (response.status >= 300) return false
    const now = await wire.expect(
      what,
      { method: 'GET', url, headers: { 'cache-control': 'no-cache' } },
      call,
    )
    if ((await now.text()) !== held) return false
  }
  return true
}

export const OCTETS = { 'content-type': 'application/octet-stream' }
