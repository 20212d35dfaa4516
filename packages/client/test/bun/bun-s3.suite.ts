/**
 * The suites of an adapter that only Bun can run: by its own test runner, which understands what they import from
 * vitest. See ../../src/adapters/bun-s3/bun-s3.test.ts.
 */
import { bunS3 } from '../../src/adapters/bun-s3/bun-s3.ts'
import { s3 } from '../../src/adapters/s3/s3.ts'
import { elements } from '../../src/adapters/s3/xml.ts'
import { FilesError } from '../../src/errors.ts'
import { operations } from '../operations.ts'
import { scenarios, type World } from '../scenarios.ts'

const quiet = { signal: new AbortController().signal, touch: () => {} }
const place = JSON.parse(process.env.PAWL_TEST_S3 ?? '{}')

async function open(bucket: string): Promise<World> {
  const { raw } = s3({ bucket, ...place, credentials: place })
  // A second run in the same service finds it.
  const made = await raw
    .expect('making the bucket', { method: 'PUT' }, quiet)
    .catch((error: unknown) => error)
  if (made instanceof FilesError && made.code !== 'Conflict') throw made
  const adapter = bunS3({ bucket, ...place, partSize: 5 * 2 ** 20 })
  return {
    adapter: () => adapter,
    read: async (key) => {
      try {
        const file = await adapter.download?.(key, undefined, quiet)
        return file && new Uint8Array(await file.arrayBuffer())
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return undefined
        throw error
      }
    },
    // Bun asks the service to abort on its way out, and tells nobody when that is done.
    openSessions: async () => {
      let open = 0
      for (let looks = 0; looks < 20; looks++) {
        const answer = await raw.expect('listing uploads', { method: 'GET', query: { uploads: '' } }, quiet)
        open = elements(await answer.text(), 'Upload').length
        if (open === 0) break
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
      return open
    },
    // Bun has begun its upload when the third piece was taken.
    partSize: 3 * 2 ** 20,
  }
}

scenarios('bun-s3', () => open('scenarios'))
operations('bun-s3', () => open('operations'))
