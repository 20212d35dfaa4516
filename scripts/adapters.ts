// The READMEs' table of adapters: what each is, from the list here; what it lived through, from the last run of
// `npm run test:full`, which keeps its results in docs/adapters/results.json.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Facts {
  /** Its process is killed in tests, so that another one goes on. */
  readonly acrossProcesses: boolean
  readonly primitive: string
  readonly testedAgainst: string
}

const ADAPTERS: Readonly<Record<string, Facts>> = {
  memory: { acrossProcesses: false, primitive: 'parts and offset, in process', testedAgainst: 'itself' },
  fs: { acrossProcesses: true, primitive: '`.part` file, `fsync`, rename', testedAgainst: 'real disk' },
  tus: {
    acrossProcesses: true,
    primitive: 'tus 1.0, one or several lanes joined by concatenation',
    testedAgainst:
      'Pawl, `@tus/server`; concatenation and checksums on an emulator that tus-js-client accepts',
  },
  'resumable-http': {
    acrossProcesses: true,
    primitive: 'Resumable Uploads for HTTP (IETF draft), else one ordinary request',
    testedAgainst: 'Pawl; answers of other servers by hand',
  },
  supabase: {
    acrossProcesses: true,
    primitive: "tus 1.0 with Supabase's metadata, signed uploads; the rest over its HTTP API",
    testedAgainst: "Pawl's storage face; Supabase itself: never",
  },
  s3: {
    acrossProcesses: true,
    primitive: 'multipart upload; B2, R2, MinIO and others are presets',
    testedAgainst:
      "Ceph RGW and Swift; checksums on an emulator that `@aws-sdk/client-s3` accepts; the presets' endpoints: never",
  },
  azure: { acrossProcesses: true, primitive: 'block blobs', testedAgainst: 'Azurite' },
  gcs: {
    acrossProcesses: true,
    primitive: 'resumable session, CRC-32C checked with the last chunk',
    testedAgainst: 'an emulator that `@google-cloud/storage` accepts; Google itself: never',
  },
  firebase: {
    acrossProcesses: true,
    primitive: '`X-Goog-Upload-*` session, CRC-32C compared',
    testedAgainst: 'an emulator that `@firebase/storage` accepts; Firebase itself: never',
  },
  'google-drive': {
    acrossProcesses: true,
    primitive: 'resumable session, existing names looked up first, SHA-256 compared',
    testedAgainst: "an emulator that Google's Python client and rclone accept; Google itself: never",
  },
  dropbox: {
    acrossProcesses: true,
    primitive: 'upload session, sequential or concurrent, `content_hash` with each piece and of the whole',
    testedAgainst: 'an emulator that `dropbox` accepts; Dropbox itself: never',
  },
  box: {
    acrossProcesses: true,
    primitive: 'upload session in parts that Box sizes, SHA-1 of each and of the whole',
    testedAgainst: 'an emulator that `box-node-sdk` accepts; Box itself: never',
  },
  'vercel-blob': {
    acrossProcesses: true,
    primitive: 'multipart upload whose parts stand in the token; client tokens minted again',
    testedAgainst: 'an emulator that `@vercel/blob` accepts; Vercel itself: never',
  },
  onedrive: {
    acrossProcesses: true,
    primitive: 'upload session of Microsoft Graph, quickXorHash compared',
    testedAgainst: 'an emulator that `@microsoft/microsoft-graph-client` accepts; OneDrive itself: never',
  },
  sharepoint: {
    acrossProcesses: true,
    primitive: 'upload session of Microsoft Graph, quickXorHash compared',
    testedAgainst: "OneDrive's emulator under a site; SharePoint itself: never",
  },
  wix: {
    acrossProcesses: true,
    primitive: 'upload URL, tus 1.0 with its token, finalizing `PUT`, waits until the file is READY',
    testedAgainst: "Pawl's media face; Wix itself: never",
  },
  appwrite: {
    acrossProcesses: true,
    primitive: 'chunks of 5 MiB with `Content-Range`, counted by asking for the file, MD5 compared',
    testedAgainst: 'an emulator that `node-appwrite` accepts; Appwrite itself: never',
  },
  cloudinary: {
    acrossProcesses: true,
    primitive:
      'chunks with `X-Unique-Upload-Id` and `Content-Range`, the same range again after a doubt, MD5 compared',
    testedAgainst: 'an emulator that `cloudinary` accepts; Cloudinary itself: never',
  },
  uploadthing: {
    acrossProcesses: true,
    primitive: 'URLs signed for each request, `HEAD` tells the offset, `PUT` with `Range`; MD5 compared',
    testedAgainst: 'an emulator that `uploadthing` accepts, going on included; UploadThing itself: never',
  },
  'cloudflare-stream': {
    acrossProcesses: true,
    primitive: 'preset of tus: chunks of 5 to 200 MiB, a multiple of 256 KiB; `stream-media-id`',
    testedAgainst: "Pawl behind Stream's rules; Cloudflare itself: never",
  },
  vimeo: {
    acrossProcesses: true,
    primitive: "preset of tus: the upload link of a video that is made over Vimeo's API",
    testedAgainst: "Pawl behind Vimeo's rules; Vimeo itself: never",
  },
  'bunny-stream': {
    acrossProcesses: true,
    primitive: 'preset of tus: requests signed until a moment, for a video that is made first',
    testedAgainst: "Pawl behind Bunny's rules; Bunny itself: never",
  },
  ftp: {
    acrossProcesses: true,
    primitive: 'part file, `SIZE` before and after `REST` and `STOR`, rename',
    testedAgainst: 'vsftpd, ProFTPD and Pure-FTPd, plain and with TLS',
  },
  sftp: {
    acrossProcesses: true,
    primitive: 'part file, `stat` and positioned writes, rename',
    testedAgainst: "OpenSSH's `sshd`",
  },
  webdav: {
    acrossProcesses: true,
    primitive:
      'part file, `PUT` with `Content-Range` where the server is proven to patch, else one `PUT`; `MOVE`',
    testedAgainst: 'Apache `mod_dav`; nginx and rclone, which do not patch: one `PUT`, not resumed',
  },
  nextcloud: {
    acrossProcesses: true,
    primitive: 'chunked upload, version 2, its chunks listed; SHA-256 compared where Nextcloud computes it',
    testedAgainst: 'an emulator that `@nextcloud/upload` accepts; Nextcloud itself: never',
  },
  'bun-s3': {
    acrossProcesses: false,
    primitive: "Bun's own S3 client, in parts that it sends by itself; a token of another process is refused",
    testedAgainst: 'Swift, by Bun',
  },
  'netlify-blobs': {
    acrossProcesses: false,
    primitive: 'one request: a control is refused',
    testedAgainst: '`BlobsServer` of `@netlify/blobs`; Netlify itself: never',
  },
  pocketbase: {
    acrossProcesses: false,
    primitive: 'one request, a form: a control is refused',
    testedAgainst: 'an emulator that `pocketbase` accepts; PocketBase itself: never',
  },
  'bunny-storage': {
    acrossProcesses: false,
    primitive: 'one request, with the SHA-256 ahead: a control is refused',
    testedAgainst: 'an emulator that `@bunny.net/storage-sdk` accepts; Bunny itself: never',
  },
  convex: {
    acrossProcesses: false,
    primitive: 'one request, SHA-256 compared: a control is refused',
    testedAgainst: 'an emulator that `convex` calls; Convex itself: never',
  },
}

/** What one adapter's tests came to, all of them passed. */
export interface Result {
  readonly passed: number
  /** How often its process was killed in the middle of an upload, over all its worlds. */
  readonly kills: number
}

type Results = Readonly<Record<string, Result>>

const RESULTS = 'docs/adapters/results.json'
const READMES = ['README.md', 'packages/client/README.md']
const [BEGIN, END] = ['<!-- adapters: written by npm run test:full -->', '<!-- /adapters -->']

function table(results: Results, prefix: string): string {
  const rows = Object.entries(ADAPTERS).map(([name, { acrossProcesses, primitive, testedAgainst }]) => {
    const { passed, kills } = results[name] ?? { passed: 0, kills: 0 }
    if (passed > 0 && acrossProcesses !== kills > 0)
      throw new Error(
        `${name}: killed ${kills} times, and said to ${acrossProcesses ? '' : 'not '}survive that`,
      )
    const result = passed === 0 ? 'not run' : `${passed} tests passed${kills > 0 ? `, ${kills} kills` : ''}`
    const link = `[\`${name}\`](${prefix}docs/adapters/${name}.md)`
    return `| ${link} | ${primitive} | ${acrossProcesses ? 'yes' : 'no'} | ${testedAgainst} | ${result} |`
  })
  const head = [
    '| Adapter | Primitive | Goes on in another process | Tested against | Result |',
    '|---|---|---|---|---|',
  ]
  return [BEGIN, '', ...head, ...rows, '', END].join('\n')
}

function written(root: string, readme: string, results: Results): string {
  const text = readFileSync(join(root, readme), 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${readme} has no place for the table of adapters`)
  return (
    text.slice(0, from) + table(results, readme.includes('/') ? '../../' : '') + text.slice(to + END.length)
  )
}

function readResults(root: string): Results {
  return existsSync(join(root, RESULTS)) ? JSON.parse(readFileSync(join(root, RESULTS), 'utf8')) : {}
}

/** Keeps new results beside those of adapters that were not run, and writes the tables. */
export function writeTables(root: string, fresh: Results): void {
  const results = Object.fromEntries(
    Object.entries({ ...readResults(root), ...fresh }).filter(([name]) => name in ADAPTERS),
  )
  const texts = READMES.map((readme) => [readme, written(root, readme, results)] as const)
  for (const [readme, text] of texts) writeFileSync(join(root, readme), text)
  writeFileSync(join(root, RESULTS), `${JSON.stringify(results, null, 2)}\n`)
}

/** What is wrong with the tables and pages of adapters, one a line. */
export function findStale(root: string): string[] {
  const results = readResults(root)
  const stale = READMES.filter(
    (readme) => written(root, readme, results) !== readFileSync(join(root, readme), 'utf8'),
  ).map((readme) => `${readme}: its table is not that of ${RESULTS}: npm run test:full writes it`)
  const folder = join(root, 'packages/client/src/adapters')
  const there = readdirSync(folder).filter((name) => existsSync(join(folder, name, `${name}.ts`)))
  for (const name of there) {
    if (!(name in ADAPTERS)) stale.push(`scripts/adapters.ts: says nothing of ${name}`)
    if (!existsSync(join(root, 'docs/adapters', `${name}.md`)))
      stale.push(`docs/adapters/${name}.md: missing`)
  }
  return stale
}
