// Somebody without a key: `npm run wix-media -- photo.jpg <uploadUrl> <uploadToken>`.
// Interrupted, the same command goes on where it was. Against Wix the same lines run.
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { FileUrlStorage, Upload } from 'tus-js-client'

const [path, uploadUrl, uploadToken] = process.argv.slice(2)
const filename = basename(path)

await new Promise((resolve, reject) => {
  const upload = new Upload(createReadStream(path), {
    endpoint: uploadUrl,
    retryDelays: [0, 3000, 5000, 10000, 20000],
    metadata: { filename, contentType: 'application/octet-stream', token: uploadToken },
    // What makes it go on in another process: where its URL is kept, and the look for it below.
    urlStorage: new FileUrlStorage(process.env.PAWL_UPLOADS ?? '.pawl-uploads.json'),
    removeFingerprintOnSuccess: true,
    onProgress: (sent, total) => console.log(`${sent} of ${total}`),
    onError: reject,
    onSuccess: resolve,
  })
  upload.findPreviousUploads().then(([earlier]) => {
    if (earlier) upload.resumeFromPreviousUpload(earlier)
    upload.start()
  }, reject)
})

// What was uploaded becomes a file.
const response = await fetch(`${uploadUrl}/${uploadToken}?filename=${encodeURIComponent(filename)}`, {
  method: 'PUT',
})
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
console.log(JSON.stringify(await response.json()))
