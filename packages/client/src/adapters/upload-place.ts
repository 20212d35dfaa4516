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
  const home = homeOf(base)
  const trusted = new Set([home.origin, ...trustedOrigins.map((origin) => new URL(origin).origin)])
  return {
    base: home.href,
    resolve: (location) => {
      const url = parse(location, home)
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

function parse(location: string, home: URL): URL {
  try {
    return new URL(location, home)
  } catch (cause) {
    throw new FilesError('Provider', `${JSON.stringify(location)} is no URL`, cause, { retryable: false })
  }
}

function homeOf(base: string | URL): URL {
  try {
    return new URL(base, globalThis.location?.href)
  } catch {
    throw new FilesError('NotSupported', `${base} is not a whole URL`)
  }
}
