/** Giving uploads up: DELETE. */
import type { Call, ProviderResult } from '../../driver.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { TusOptions } from './options.ts'
import { resultOf } from './result.ts'
import { type TusWire, tusError } from './wire.ts'

/** @param complete Told the result if the whole upload is complete; parts that wait to be joined are not. */
export async function removeAll(
  options: TusOptions,
  wire: TusWire,
  urls: readonly string[],
  call: Call,
  complete?: (result: ProviderResult) => void,
): Promise<void> {
  const found = await Promise.all(urls.map((url) => remove(wire, url, call)))
  const [url, other] = urls
  if (found[0] && url !== undefined && other === undefined)
    complete?.(await resultOf(options, url, found[0], call))
}

/**
 * Gives one upload up. Resolves to the server's word on it where it is complete, and so stays.
 * @throws FilesError
 */
export async function remove(wire: TusWire, url: string, call: Call): Promise<HttpResponse | undefined> {
  const response = await wire.send({ method: 'DELETE', url }, call)
  const { status } = response
  // 400, 405 and 501 are how servers say that they know no termination: the upload expires by itself.
  if (status < 300 || [400, 404, 405, 410, 501].includes(status)) return undefined
  // Forbidden to whom, or because nothing is left to be given up?
  if (status === 403) {
    const found = await wire.send({ method: 'HEAD', url }, call)
    const length = found.header('upload-length')
    if (found.status < 300 && length !== undefined && found.header('upload-offset') === length) return found
  }
  throw await tusError('discarding the upload', response)
}
