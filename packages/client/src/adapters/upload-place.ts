/** Which URLs an upload may have. A token or an answer must not lead credentials and bytes elsewhere. */
import { FilesError } from '../errors.ts'

export interface Place {
  /** The URL that was configured. */
  readonly base: string
  /** An upload's URL as the service gave it, made absolute. @throws FilesError if it leads elsewhere. */
  resolve(location: string): string
}

/**
 * @param base Relative to the page, in a page.
 * @param trustedOrigins - other origins that the service may put uploads on
 */
export function placeOf(base: string | URL, trustedOrigins: readonly string[] = []): Place {
  const home = parse(base, globalThis.location?.href, 'NotSupported')
  const trusted = new Set([home.origin, ...trustedOrigins.map((origin) => new URL(origin).origin)])
  return {
    base: home.href,
    resolve: (location) => {
      const url = parse(location, home, 'Provider')
      // Servers behind TLS often do not know it. The same host is meant, and less than TLS is never wanted.
      if (home.protocol === 'https:' && url.protocol === 'http:' && url.host === home.host)
        url.protocol = 'https:'
      if (trusted.has(url.origin) && url.username === '' && url.password === '') return url.href
      throw new FilesError(
        'Unauthorized',
        `the upload is on ${url.origin}, not on ${home.origin}; see trustedOrigins`,
      )
    },
  }
}

function parse(
  url: string | URL,
  base: string | URL | undefined,
  otherwise: 'NotSupported' | 'Provider',
): URL {
  try {
    return new URL(url, base)
  } catch (cause) {
    throw new FilesError(otherwise, `${JSON.stringify(url)} is not a whole URL`, cause, { retryable: false })
  }
}
