/** The examples of docs/adapters run as they stand there; only where the provider is, is added. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startAppwrite } from '@pawl/emulators/appwrite'
import { startBox } from '@pawl/emulators/box'
import { startBunny } from '@pawl/emulators/bunny-storage'
import { startCloudinary } from '@pawl/emulators/cloudinary'
import { startConvex } from '@pawl/emulators/convex'
import { startDrive } from '@pawl/emulators/drive'
import { startDropbox } from '@pawl/emulators/dropbox'
import { startFirebase } from '@pawl/emulators/firebase'
import { startGcs } from '@pawl/emulators/gcs'
import { startNextcloud } from '@pawl/emulators/nextcloud'
import { startOneDrive } from '@pawl/emulators/onedrive'
import { startPocketBase } from '@pawl/emulators/pocketbase'
import { startUploadThing } from '@pawl/emulators/uploadthing'
import { startVercelBlob } from '@pawl/emulators/vercel-blob'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hasFtp, startFtp } from '../servers/ftp.ts'
import { hasNetlify, startNetlify } from '../servers/netlify.ts'
import { startPawl } from '../servers/pawl.ts'
import { startS3Emulator } from '../servers/s3-emulator.ts'
import { hasSshd, startSshd } from '../servers/sshd.ts'
import { LIBRARY_KEY, startBunnyStream, startCloudflareStream, startVimeo } from '../servers/streams.ts'
import { startTusEmulator } from '../servers/tus-emulator.ts'
import { hasWebdav, startWebdav } from '../servers/webdav.ts'

const root = join(import.meta.dirname, '../../../..')
const SIZE = 3 * 2 ** 20
let folder = ''

interface Provider {
  /** Options that lead the adapter here. */
  readonly options: object
  close?(): Promise<void>
}

const nowhere = async (): Promise<Provider> => ({ options: {} })

const PROVIDERS: [name: string, start: () => Promise<Provider>][] = [
  ['memory', nowhere],
  ['fs', nowhere],
  [
    'tus',
    async () => {
      const { endpoint, close } = await startTusEmulator()
      return { options: { endpoint }, close }
    },
  ],
  [
    's3',
    async () => {
      const { endpoint, close } = await startS3Emulator()
      return { options: { endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }, close }
    },
  ],
  [
    'gcs',
    async () => {
      const { endpoint, credentials, close } = await startGcs()
      return { options: { endpoint, credentials: credentials.serviceAccount() }, close }
    },
  ],
  [
    'firebase',
    async () => {
      const { endpoint, tokens, close } = await startFirebase()
      return { options: { endpoint, token: tokens.current }, close }
    },
  ],
  [
    'google-drive',
    async () => {
      const { endpoint, tokens, close } = await startDrive()
      return { options: { endpoint, token: tokens.current }, close }
    },
  ],
  [
    'dropbox',
    async () => {
      const { endpoint, tokens, close } = await startDropbox()
      return { options: { endpoint, token: tokens.current }, close }
    },
  ],
  [
    'box',
    async () => {
      const { endpoint, tokens, close } = await startBox()
      return { options: { endpoint, token: tokens.current }, close }
    },
  ],
  [
    'vercel-blob',
    async () => {
      const { endpoint, token, close } = await startVercelBlob()
      return { options: { endpoint, token: token() }, close }
    },
  ],
  [
    'onedrive',
    async () => {
      const { endpoint, tokens, close } = await startOneDrive()
      return { options: { endpoint: `${endpoint}/v1.0`, token: tokens.current }, close }
    },
  ],
  [
    'sharepoint',
    async () => {
      const { endpoint, tokens, close } = await startOneDrive({ drive: 'sites/team/drive' })
      return { options: { endpoint: `${endpoint}/v1.0`, token: tokens.current, site: 'team' }, close }
    },
  ],
  [
    'appwrite',
    async () => {
      const { endpoint, tokens, close } = await startAppwrite()
      return { options: { endpoint: `${endpoint}/v1`, key: tokens.current }, close }
    },
  ],
  [
    'cloudinary',
    async () => {
      const { endpoint, tokens, close } = await startCloudinary()
      return { options: { endpoint, apiKey: 'key', apiSecret: tokens.current }, close }
    },
  ],
  [
    'uploadthing',
    async () => {
      const { endpoint, token, close } = await startUploadThing()
      const places = { endpoint, ingest: `${endpoint}/ingest`, files: `${endpoint}/a/app` }
      return { options: { ...places, token: token() }, close }
    },
  ],
  [
    'cloudflare-stream',
    async () => {
      const { endpoint, tokens, close } = await startCloudflareStream()
      return { options: { endpoint: `${endpoint}/client/v4`, token: tokens.current }, close }
    },
  ],
  [
    'vimeo',
    async () => {
      const { endpoint, tokens, close } = await startVimeo()
      return { options: { endpoint, token: tokens.current }, close }
    },
  ],
  [
    'bunny-stream',
    async () => {
      const { endpoint, close } = await startBunnyStream()
      return { options: { endpoint, library: 'lib', apiKey: LIBRARY_KEY }, close }
    },
  ],
  [
    'wix',
    async () => {
      const { endpoint, serviceKey, close } = await startPawl()
      return { options: { endpoint: new URL(endpoint).origin, token: serviceKey }, close }
    },
  ],
  [
    'bunny-storage',
    async () => {
      const { endpoint, zone, accessKey, close } = await startBunny()
      return { options: { endpoint, zone, accessKey }, close }
    },
  ],
  [
    'pocketbase',
    async () => {
      const { endpoint: url, tokens, close } = await startPocketBase()
      return { options: { url, token: tokens.current }, close }
    },
  ],
  [
    'convex',
    async () => {
      const { endpoint: url, tokens, close } = await startConvex()
      return { options: { url, token: tokens.current }, close }
    },
  ],
  [
    'nextcloud',
    async () => {
      const { files: url, tokens, close } = await startNextcloud()
      return { options: { url, password: tokens.current }, close }
    },
  ],
]
if (hasNetlify())
  PROVIDERS.push([
    'netlify-blobs',
    async () => {
      const { endpoint, siteId, token, close } = await startNetlify()
      return { options: { endpoint, siteId, token: token() }, close }
    },
  ])
if (hasFtp('proftpd')) PROVIDERS.push(['ftp', () => startFtp('proftpd', true)])
if (hasSshd()) PROVIDERS.push(['sftp', startSshd])
if (await hasWebdav('apache')) PROVIDERS.push(['webdav', () => startWebdav('apache')])

beforeAll(async () => {
  // Inside the repository, so that `pawl` is found.
  await mkdir(join(root, '.cache'), { recursive: true })
  folder = await mkdtemp(join(root, '.cache/examples-'))
  await writeFile(join(folder, 'db.tar'), new Uint8Array(SIZE))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it.each(PROVIDERS)('the example of %s runs', async (name, start) => {
  const page = await readFile(join(root, 'docs/adapters', `${name}.md`), 'utf8')
  const [, example = ''] = /```ts\n(.*?)```/s.exec(page) ?? []
  const provider = await start()
  try {
    const led = example.replace(
      /adapter: (\w+)\((\{.*?\})?\)/,
      (_, make, options = '{}') =>
        `adapter: ${make}({ ...${options}, ...${JSON.stringify(provider.options)} })`,
    )
    expect(led).not.toBe(example)
    const path = join(folder, `${name}.ts`)
    await writeFile(path, led)
    const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd: folder })
    expect(stdout).toBe(`2026/db.tar ${SIZE}\n`)
  } finally {
    await provider.close?.()
  }
})
