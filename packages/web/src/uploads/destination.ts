/** Where the page's uploads go, and how. */
import { Files } from 'pawl'
import type { UploadsOptions } from 'pawl/react'
import { tus } from 'pawl/tus'
import { readKey } from '../key.ts'

/** Bytes a second of the switch for demonstrations. */
export const SLOW = 1_000_000

/** How many files are on their way at once. */
const CONCURRENCY = 4

/** Milliseconds of the longest wait between two tries. */
const LONGEST_WAIT = 10_000

export function uploadsTo(endpoint: string): Files {
  return new Files({
    adapter: tus({
      endpoint,
      headers: authorization,
      // What arrived of a request that broke is kept; the whole file is compared at the end.
      checksum: false,
      metadata: ({ key, contentType }) => {
        const name = key.slice(key.lastIndexOf('/') + 1)
        return { filename: name, filetype: contentType, ...(name === key ? {} : { relativePath: key }) }
      },
    }),
  })
}

export function listOptions(files: Files): UploadsOptions {
  return { files, store: 'pawl-page', concurrency: CONCURRENCY, autoResume: true, upload: UPLOAD }
}

/** A page waits for its server for as long as it is open: whoever looks at it can see why. */
const UPLOAD = { retries: { max: Number.POSITIVE_INFINITY, backoff } }

/** Doubling, and spread so that tabs do not march in step. */
function backoff({ attempt }: { readonly attempt: number }): number {
  const base = Math.min(LONGEST_WAIT, 500 * 2 ** Math.min(attempt - 1, 10))
  return Math.round(base * (0.8 + 0.4 * Math.random()))
}

export function authorization(): Record<string, string> {
  const key = readKey()
  return key === null ? {} : { Authorization: `Bearer ${key}` }
}
