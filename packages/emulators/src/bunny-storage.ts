/**
 * A storage zone of Bunny: https://docs.bunny.net/reference/storage-api
 * Folders are whatever stands before a slash. A checksum that does not match is refused with 400, and nothing kept.
 *
 * Servers in Node take no request with a method that Node does not know, such as Bunny's DESCRIBE: whoever leads
 * requests here sends it as POST with the header `x-method`.
 */
import { createHash, randomUUID } from 'node:crypto'
import { type Asked, type Emulator, json, listen, Refused, type Reply } from './listen.ts'

const ZONE = 'zone'

interface BunnyFile {
  readonly bytes: Buffer
  readonly type: string
  readonly changed: string
}

export interface BunnyEmulator extends Emulator {
  readonly zone: string
  readonly accessKey: string
  /** By path, without a slash at the beginning. */
  readonly files: ReadonlyMap<string, BunnyFile>
}

export async function startBunny(): Promise<BunnyEmulator> {
  const files = new Map<string, BunnyFile>()
  const accessKey = randomUUID()

  function shown(path: string, file: BunnyFile | undefined) {
    const cut = path.lastIndexOf('/') + 1
    return {
      Guid: randomUUID(),
      UserId: randomUUID(),
      StorageZoneName: ZONE,
      Path: `/${ZONE}/${path.slice(0, cut)}`,
      ObjectName: path.slice(cut),
      Length: file?.bytes.length ?? 0,
      LastChanged: file?.changed ?? '2026-01-01T00:00:00.000',
      DateCreated: file?.changed ?? '2026-01-01T00:00:00.000',
      StorageZoneId: 1,
      ServerId: 1,
      IsDirectory: file === undefined,
      Checksum: file ? sha256(file.bytes) : null,
      ReplicatedZones: null,
      ContentType: file?.type ?? '',
    }
  }

  function folder(path: string): Reply {
    const names = new Set<string>()
    for (const key of files.keys())
      if (key.startsWith(path)) names.add(key.slice(path.length).split('/')[0] ?? '')
    return json([...names].map((name) => shown(path + name, files.get(path + name))))
  }

  function put(path: string, { headers, body, whole }: Asked): Reply {
    if (!whole) return {}
    const { checksum } = headers
    if (checksum !== undefined && checksum !== sha256(body)) throw refused(400, 'Checksum mismatch')
    const type = String(
      headers['override-content-type'] ?? headers['content-type'] ?? 'application/octet-stream',
    )
    files.set(path, { bytes: Buffer.from(body), type, changed: new Date().toISOString().slice(0, -1) })
    return json({ HttpCode: 201, Message: 'File uploaded.' }, 201)
  }

  function answer(asked: Asked): Reply {
    const { url, headers } = asked
    const method = headers['x-method'] ?? asked.method
    if (headers.accesskey !== accessKey) throw refused(401, 'Unauthorized')
    const [, zone, rest] = /^\/([^/]+)\/+(.*)$/.exec(url.pathname) ?? []
    if (zone !== ZONE || rest === undefined) throw refused(401, 'Unauthorized')
    const path = decodeURIComponent(rest)
    if (path === '' || path.endsWith('/')) {
      if (method === 'GET') return folder(path)
      if (method !== 'DELETE') return json({ HttpCode: 201, Message: 'Directory created.' }, 201)
      for (const key of files.keys()) if (key.startsWith(path)) files.delete(key)
      return json({ HttpCode: 200, Message: 'Directory deleted successfuly.' })
    }
    if (method === 'PUT') return put(path, asked)
    const file = files.get(path)
    if (!file) throw refused(404, 'Object Not Found')
    if (method === 'DESCRIBE') return json(shown(path, file))
    if (method === 'DELETE') {
      files.delete(path)
      return json({ HttpCode: 200, Message: 'File deleted successfuly.' })
    }
    return {
      headers: { 'content-type': file.type, 'content-length': String(file.bytes.length) },
      body: file.bytes,
    }
  }

  const emulator = await listen({
    callOf: ({ method }) => (method === 'PUT' ? 'send' : 'other'),
    answer,
    refusal: (status) => refused(status, 'try again later').reply,
  })
  return Object.assign(emulator, { zone: ZONE, accessKey, files })
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').toUpperCase()
}

function refused(status: number, Message: string): Refused {
  return new Refused(json({ HttpCode: status, Message }, status))
}
