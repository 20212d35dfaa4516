// The application: asks for an upload URL with its key, and hands URL and token to somebody without one.
// `npm run wix-media-ask -- photo.jpg` prints both as JSON.
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'

const url = process.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = process.env.PAWL_SERVICE_KEY // the service key that `npm start` prints
const path = process.argv[2] ?? 'package.json'
const types = { '.jpg': 'image/jpeg', '.png': 'image/png', '.mp4': 'video/mp4', '.pdf': 'application/pdf' }

const response = await fetch(`${url}/site-media/v1/files/generate-resumable-upload-url`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({
    mimeType: types[extname(path)] ?? 'application/octet-stream',
    fileName: basename(path),
    sizeInBytes: String((await stat(path)).size),
    uploadProtocol: 'TUS',
    externalInfo: { origin: 'example', externalIds: ['1'] },
  }),
})
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
console.log(JSON.stringify(await response.json()))
