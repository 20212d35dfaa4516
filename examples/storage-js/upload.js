// Uploads, lists, signs and downloads with @supabase/storage-js: `npm run storage-js -- <file>`.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { StorageClient } from '@supabase/storage-js'

const url = process.env.PAWL_URL ?? 'http://127.0.0.1:8080'
const key = process.env.PAWL_KEY // the anon key that `npm start` prints, or a user's token
const path = process.argv[2] ?? 'package.json'

const storage = new StorageClient(`${url}/storage/v1`, { apikey: key, Authorization: `Bearer ${key}` })
const bucket = storage.from('photos')

function check({ data, error }) {
  if (error) throw error
  return data
}

const { fullPath } = check(await bucket.upload(basename(path), await readFile(path), { upsert: true }))
console.log('uploaded', fullPath)
console.log(
  'in the bucket:',
  check(await bucket.list())
    .map(({ name }) => name)
    .join(', '),
)
const { signedUrl } = check(await bucket.createSignedUrl(basename(path), 60, { download: true }))
console.log('for a minute:', signedUrl)
const blob = check(await bucket.download(basename(path)))
console.log('downloaded', blob.size, 'bytes')
