/** What a page has to load, and that loading touches nothing. */
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { bundle, LIMIT, pageSizes, root } from './page-size.ts'

it('pawl with pawl/tus, as loaded for an upload, are at most 12 kB minified and compressed by gzip', async () => {
  for (const { where, size, others } of await pageSizes()) {
    console.log(`pawl + pawl/tus in ${where}: ${size} bytes, ${others} chunks for some only`)
    expect(size).toBeLessThanOrEqual(LIMIT)
    expect(size).toBeGreaterThan(LIMIT / 2)
  }
})

/** Bytes of one adapter's own code, minified and compressed. The driver of tus, and what it needs, is not counted. */
const ADAPTER_LIMIT = 5_000

it.each([
  'gcs/gcs',
  'firebase/firebase',
  'google-drive/google-drive',
  'dropbox/dropbox',
  'box/box',
  'vercel-blob/vercel-blob',
  'ftp/ftp',
  'sftp/sftp',
  'webdav/webdav',
  'nextcloud/nextcloud',
  'onedrive/onedrive',
  'sharepoint/sharepoint',
  'wix/wix',
  'cloudflare-stream/cloudflare-stream',
  'vimeo/vimeo',
  'bunny-stream/bunny-stream',
  'cloudinary/cloudinary',
  'uploadthing/uploadthing',
  'bun-s3/bun-s3',
  'appwrite/appwrite',
  'netlify-blobs/netlify-blobs',
  'pocketbase/pocketbase',
  'bunny-storage/bunny-storage',
  'convex/convex',
])('the code of adapters/%s is at most 5 kB minified and compressed', async (entry) => {
  const code = `export * from './src/adapters/${entry}.ts'`
  const adapters = join(root, 'src/adapters/')
  const tus = ['tus/', 'upload-place.ts', 'credentials.ts', 'chunk-rule.ts'].map((name) =>
    join(adapters, name),
  )
  const others = (id: string) =>
    id !== 'entry' && (!id.startsWith(adapters) || tus.some((path) => id.startsWith(path)))
  const [chunk] = await bundle(code, true, others)
  const size = gzipSync(chunk?.code ?? '', { level: 9 }).length
  console.log(`${entry}: ${size} bytes`)
  expect(size).toBeGreaterThan(500)
  expect(size).toBeLessThanOrEqual(ADAPTER_LIMIT)
})

it.each([
  'index',
  'adapters/tus/tus',
  'adapters/resumable-http/resumable-http',
  'adapters/supabase/supabase',
  'adapters/s3/s3',
  'adapters/gcs/gcs',
  'adapters/firebase/firebase',
  'adapters/google-drive/google-drive',
  'adapters/dropbox/dropbox',
  'adapters/box/box',
  'adapters/vercel-blob/vercel-blob',
  'adapters/wix/wix',
  'adapters/cloudflare-stream/cloudflare-stream',
  'adapters/vimeo/vimeo',
  'adapters/bunny-stream/bunny-stream',
  'adapters/cloudinary/cloudinary',
  'adapters/uploadthing/uploadthing',
  'adapters/bun-s3/bun-s3',
  'adapters/appwrite/appwrite',
  'adapters/netlify-blobs/netlify-blobs',
  'adapters/pocketbase/pocketbase',
  'adapters/bunny-storage/bunny-storage',
  'adapters/nextcloud/nextcloud',
  'adapters/convex/convex',
  'adapters/memory/memory',
  'browser',
])(
  '%s touches nothing on import: it loads where there is only the language and its text coders',
  async (entry) => {
    const code =
      (
        await bundle(`import * as all from './src/${entry}.ts'\nglobalThis.loaded = Object.keys(all)`, true)
      )[0]?.code ?? ''
    expect(code).not.toMatch(/from\s*["']node:/)
    // No window, no document, no self, no process, no fetch, no crypto, no Event, no Blob.
    const context: { loaded?: string[]; [name: string]: unknown } = { TextEncoder, TextDecoder }
    // Only modules have it, and what runs here is a script. It is looked at for the first large body.
    runInNewContext(code.replaceAll('import.meta.url', 'undefined'), context)
    expect(context.loaded?.length).toBeGreaterThan(0)
  },
)
