/** Google's Python client and rclone upload in chunks to the emulator, which refuses what Drive refuses. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DriveEmulator, startDrive } from './drive.ts'
import { openTunnel } from './tunnel.ts'
import { bytesOf } from './vendor.ts'

const STEP = 256 * 1024
const run = promisify(execFile)
const ci = process.env.CI === 'true'
const hasPython = existsSync('/usr/lib/python3/dist-packages/googleapiclient/http.py')

/** Only what the client needs of Drive's own description of itself, with another root. */
const description = (root: string) => ({
  kind: 'discovery#restDescription',
  name: 'drive',
  version: 'v3',
  rootUrl: `${root}/`,
  servicePath: 'drive/v3/',
  baseUrl: `${root}/drive/v3/`,
  schemas: { File: { id: 'File', type: 'object', properties: { name: { type: 'string' } } } },
  resources: {
    files: {
      methods: {
        create: {
          id: 'drive.files.create',
          path: 'files',
          httpMethod: 'POST',
          parameters: { fields: { type: 'string', location: 'query' } },
          request: { $ref: 'File' },
          response: { $ref: 'File' },
          supportsMediaUpload: true,
          mediaUpload: {
            accept: ['*/*'],
            maxSize: '5120GB',
            protocols: { resumable: { multipart: true, path: '/resumable/upload/drive/v3/files' } },
          },
        },
      },
    },
  },
})

const PYTHON = `
import json, sys
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError
from googleapiclient.discovery import build_from_document
from googleapiclient.http import MediaFileUpload
path, token, document = sys.argv[1:]
service = build_from_document(document, credentials=Credentials(token))
media = MediaFileUpload(path, mimetype='application/x-test', chunksize=${STEP}, resumable=True)
request = service.files().create(body={'name': 'ü.bin'}, media_body=media, fields='id,md5Checksum')
answer = None
while answer is None:
    try:
        status, answer = request.next_chunk()
    except HttpError as error:
        if error.resp.status != 503:
            raise
print(json.dumps(answer))
`

describe('the emulator of Google Drive', () => {
  let drive: DriveEmulator
  let folder: string
  const body = bytesOf(5 * STEP + 1000)
  beforeAll(async () => {
    drive = await startDrive()
    folder = await mkdtemp(join(tmpdir(), 'pawl-drive-'))
    await writeFile(join(folder, 'body'), body)
  })
  afterAll(async () => {
    await drive.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.runIf(hasPython || ci)(
    "takes an upload in chunks from the vendor's Python client, also after a 503",
    async () => {
      drive.inject = (call, index) => (call === 'send' && index === 2 ? { status: 503 } : undefined)
      const args = [join(folder, 'body'), drive.tokens.current, JSON.stringify(description(drive.endpoint))]
      const { stdout } = await run('/usr/bin/python3', ['-c', PYTHON, ...args])
      drive.inject = () => undefined
      const [file, ...others] = drive.named('ü.bin')
      expect(others).toEqual([])
      expect(JSON.parse(stdout).id).toBe(file?.id)
      expect(file).toMatchObject({ mimeType: 'application/x-test' })
      expect(file?.bytes.equals(body)).toBe(true)
      expect(drive.requests.filter(({ call }) => call === 'send').length).toBe(7)
    },
  )

  const rclone = process.env.PAWL_TEST_RCLONE || (existsSync('/usr/bin/rclone') ? '/usr/bin/rclone' : '')
  it.runIf(rclone !== '' || ci)('takes an upload in chunks from rclone, and gives it back', async () => {
    const tunnel = await openTunnel(drive.endpoint, ['www.googleapis.com'])
    const expiry = new Date(Date.now() + 3_600_000).toISOString()
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      HTTPS_PROXY: tunnel.proxy,
      RCLONE_CA_CERT: tunnel.certificate,
      RCLONE_CONFIG: join(folder, 'rclone.conf'),
      RCLONE_CONFIG_D_TYPE: 'drive',
      RCLONE_CONFIG_D_TOKEN: JSON.stringify({
        access_token: drive.tokens.current,
        token_type: 'Bearer',
        refresh_token: 'none',
        expiry,
      }),
      RCLONE_CONFIG_D_ROOT_FOLDER_ID: 'root-folder',
      RCLONE_CONFIG_D_CHUNK_SIZE: '256k',
      RCLONE_CONFIG_D_UPLOAD_CUTOFF: '0',
    }
    try {
      await run(rclone, ['copyto', join(folder, 'body'), 'd:from rclone.bin', '--retries', '1'], { env })
      const [file, ...others] = drive.named('from rclone.bin')
      expect(others).toEqual([])
      expect(file?.bytes.equals(body)).toBe(true)
      const { stdout } = await run(rclone, ['cat', 'd:from rclone.bin'], {
        env,
        encoding: 'buffer',
        maxBuffer: 2 * body.length,
      })
      expect(stdout.equals(body)).toBe(true)
    } finally {
      await tunnel.close()
    }
  })

  it('refuses what Drive refuses, and lets a name stand twice', async () => {
    const authorization = `Bearer ${drive.tokens.current}`
    const place = `${drive.endpoint}/upload/drive/v3/files?uploadType=resumable`
    const start = (headers: Record<string, string>, body: object = { name: 'k' }, url = place) =>
      fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    expect((await start({})).status).toBe(401)
    expect((await start({ authorization, 'x-upload-content-length': '5000000000001' })).status).toBe(400)
    expect((await start({ authorization }, { name: 'k', parents: ['nowhere'] })).status).toBe(404)
    const uri = (await start({ authorization })).headers.get('location') ?? ''
    const put = async (range: string, size: number, to = uri) =>
      (await fetch(to, { method: 'PUT', headers: { 'content-range': range }, body: bytesOf(size) })).status
    expect(await put('bytes 0-99/1000', 100)).toBe(400)
    expect(await put(`bytes ${STEP}-${2 * STEP - 1}/*`, STEP)).toBe(503)
    expect(await put(`bytes 0-${STEP - 1}/${STEP}`, STEP)).toBe(200)
    const again = (await start({ authorization })).headers.get('location') ?? ''
    expect(await put('bytes 0-9/10', 10, again)).toBe(200)
    expect(drive.named('k')).toHaveLength(2)
    const later = (await start({ authorization })).headers.get('location') ?? ''
    drive.expireSessions()
    expect(await put('bytes */*', 0, later)).toBe(410)
    const search = await fetch(`${drive.endpoint}/drive/v3/files?q=name+is+k`, { headers: { authorization } })
    expect(search.status).toBe(400)
  })
})
