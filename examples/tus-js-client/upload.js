// Uploads a file with tus-js-client: `npm run tus-js-client -- <file>`.
// Against Supabase Storage the same lines run: only the URL and the key differ.
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { Upload } from 'tus-js-client'

const url = process.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = process.env.PAWL_KEY // the anon key that `npm start` prints, or a user's token
const path = process.argv[2] ?? 'package.json'

const upload = new Upload(createReadStream(path), {
  endpoint: `${url}/storage/v1/upload/resumable`,
  retryDelays: [0, 3000, 5000, 10000, 20000],
  headers: { authorization: `Bearer ${key}`, 'x-upsert': 'true' },
  uploadDataDuringCreation: true,
  removeFingerprintOnSuccess: true,
  chunkSize: 6 * 1024 * 1024,
  metadata: {
    bucketName: 'photos',
    objectName: basename(path),
    contentType: 'application/octet-stream',
    cacheControl: '3600',
    metadata: JSON.stringify({ source: 'tus-js-client' }),
  },
  onProgress: (sent, total) => console.log(`${((sent / total) * 100).toFixed(1)} %`),
  onError: (error) => {
    console.error(error.message)
    process.exitCode = 1
  },
  onSuccess: () => console.log(`uploaded: ${url}/storage/v1/object/public/photos/${basename(path)}`),
})
upload.start()
