/** Kills against emulators. */
import { createHash } from 'node:crypto'
import { startAppwrite } from '@pawl/emulators/appwrite'
import { startBox } from '@pawl/emulators/box'
import { startCloudinary } from '@pawl/emulators/cloudinary'
import { startDrive } from '@pawl/emulators/drive'
import { startDropbox } from '@pawl/emulators/dropbox'
import { startFirebase } from '@pawl/emulators/firebase'
import { startGcs } from '@pawl/emulators/gcs'
import { startNextcloud } from '@pawl/emulators/nextcloud'
import { startOneDrive } from '@pawl/emulators/onedrive'
import { startUploadThing } from '@pawl/emulators/uploadthing'
import { startVercelBlob } from '@pawl/emulators/vercel-blob'
import { FEW, killTests } from './kill-tests.ts'

const MIB = 2 ** 20

function sha256(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest('hex')
}

killTests(
  'gcs',
  async () => {
    const { endpoint, credentials, objects, close } = await startGcs()
    return {
      adapter: { name: 'gcs', bucket: 'killed', endpoint, token: credentials.tokens.current },
      partSize: MIB,
      digest: async (key) => sha256(objects.get(key)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'firebase',
  async () => {
    const { endpoint, tokens, objects, close } = await startFirebase()
    return {
      adapter: { name: 'firebase', bucket: 'killed', endpoint, token: tokens.current },
      partSize: MIB,
      digest: async (key) => sha256(objects.get(key)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'google-drive',
  async () => {
    const { endpoint, tokens, named, close } = await startDrive()
    return {
      adapter: { name: 'google-drive', endpoint, token: tokens.current },
      partSize: MIB,
      digest: async (key) =>
        named(key)
          .map(({ bytes }) => sha256(bytes))
          .join(' and '),
      close,
    }
  },
  FEW,
)

killTests(
  'dropbox',
  async () => {
    const { endpoint, tokens, files, close } = await startDropbox()
    return {
      adapter: { name: 'dropbox', endpoint, token: tokens.current },
      partSize: MIB,
      digest: async (key) => sha256(files.get(`/${key}`)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'dropbox, pieces side by side',
  async () => {
    const { endpoint, tokens, files, close } = await startDropbox()
    return {
      adapter: { name: 'dropbox', endpoint, token: tokens.current, parallel: true },
      partSize: 4 * MIB,
      cannotBeAsked: true,
      digest: async (key) => sha256(files.get(`/${key}`)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'box',
  async () => {
    const { endpoint, tokens, file, close } = await startBox({ partSize: MIB, minSession: MIB })
    return {
      adapter: { name: 'box', endpoint, token: tokens.current, sessionFrom: MIB },
      partSize: MIB,
      digest: async (key) => sha256(file(key)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'vercel-blob',
  async () => {
    const { endpoint, token, blobs, close } = await startVercelBlob(MIB)
    return {
      adapter: { name: 'vercel-blob', endpoint, token: token(), access: 'private', minPartSize: MIB },
      partSize: MIB,
      cannotBeAsked: true,
      digest: async (key) => sha256(blobs.get(key)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'onedrive',
  async () => {
    const { endpoint, tokens, items, close } = await startOneDrive()
    return {
      adapter: { name: 'onedrive', endpoint: `${endpoint}/v1.0`, token: tokens.current },
      partSize: 320 * 1024,
      digest: async (key) => sha256(items.get(`/${key}`)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'sharepoint',
  async () => {
    const { endpoint, tokens, items, close } = await startOneDrive({ drive: 'sites/team/drive' })
    return {
      adapter: { name: 'sharepoint', endpoint: `${endpoint}/v1.0`, token: tokens.current, site: 'team' },
      partSize: 320 * 1024,
      digest: async (key) => sha256(items.get(`/${key}`)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'nextcloud',
  async () => {
    const { files: url, tokens, file, close } = await startNextcloud({ minChunk: MIB })
    return {
      adapter: { name: 'nextcloud', url, token: tokens.current, minPartSize: MIB },
      partSize: MIB,
      digest: async (key) => sha256(file(key)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'appwrite',
  async () => {
    const { endpoint, tokens, named, close } = await startAppwrite({ chunkSize: MIB })
    return {
      adapter: {
        name: 'appwrite',
        endpoint: `${endpoint}/v1`,
        key: tokens.current,
        project: 'project',
        bucket: 'bucket',
        chunkSize: MIB,
      },
      partSize: MIB,
      digest: async (key) => named(key).map(sha256).join(' and '),
      close,
    }
  },
  FEW,
)

killTests(
  'cloudinary',
  async () => {
    const { endpoint, tokens, assets, close } = await startCloudinary({ minChunk: MIB })
    return {
      adapter: {
        name: 'cloudinary',
        endpoint,
        cloud: 'cloud',
        apiKey: 'key',
        apiSecret: tokens.current,
        chunkSize: MIB,
      },
      partSize: MIB,
      cannotBeAsked: true,
      digest: async (key) => sha256(assets.get(`raw/${key}`)?.bytes),
      close,
    }
  },
  FEW,
)

killTests(
  'uploadthing',
  async () => {
    const { endpoint, token, read, close } = await startUploadThing()
    return {
      adapter: {
        name: 'uploadthing',
        endpoint,
        ingest: `${endpoint}/ingest`,
        files: `${endpoint}/a/app`,
        token: token(),
      },
      partSize: MIB,
      digest: async (key) => sha256(read(key)),
      close,
    }
  },
  FEW,
)
