// A backup that goes on where it stopped: `npm run backup -- <folder>`. Run it again after a crash, from cron, as
// often as needed: files that arrived are not sent again, and a file that was interrupted goes on.
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Files } from 'pawl'
import { fileStore, fromPath } from 'pawl/node'
import { supabase } from 'pawl/supabase'

const folder = process.argv[2] ?? 'node'
const state = process.env.BACKUP_STATE ?? '.backup' // sessions let others write to an upload: keep them private
const files = new Files({
  adapter: supabase({
    url: process.env.PAWL_URL ?? 'http://127.0.0.1:8080',
    bucket: 'documents',
    apiKey: process.env.PAWL_SERVICE_KEY, // the service key that `npm start` prints
  }),
})

// What arrived, by size and time of change: the list is written after each file.
await mkdir(state, { recursive: true, mode: 0o700 })
const list = join(state, 'done.json')
const done = JSON.parse(await readFile(list, 'utf8').catch(() => '{}'))

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const path = join(entry.parentPath, entry.name)
  const key = `backup/${relative(folder, path).replaceAll('\\', '/')}`
  const { size, mtimeMs } = await stat(path)
  const version = `${size} ${mtimeMs}`
  if (done[key] === version) continue
  const { digest } = await files.upload(key, fromPath(path), {
    resume: fileStore(join(state, 'sessions')),
    verify: 'full', // compares the digest of what arrived with that of the file
    onProgress: ({ loaded, total }) => console.log(`${key}: ${loaded} of ${total}`),
  })
  done[key] = version
  await writeFile(`${list}.new`, JSON.stringify(done))
  await rename(`${list}.new`, list) // whole, whenever this process ends
  console.log(`${key}: done, ${digest?.algorithm} ${digest?.value}`)
}
