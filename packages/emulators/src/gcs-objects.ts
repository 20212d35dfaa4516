/** A bucket's objects and what the JSON API says of them; Firebase's interface shows the same ones. */
import { createHash } from 'node:crypto'
import { crc32c } from './growing.ts'

export interface ObjectFacts {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly metadata?: Record<string, string>
}

export interface GcsObject {
  readonly bytes: Buffer
  readonly resource: Readonly<Record<string, unknown>> & {
    readonly name: string
    readonly generation: string
    readonly contentType: string
  }
}

export type Objects = Map<string, GcsObject>

let generations = 1_700_000_000_000_000

/** https://cloud.google.com/storage/docs/json_api/v1/objects#resource */
export function makeObject(bucket: string, name: string, bytes: Buffer, facts: ObjectFacts): GcsObject {
  const generation = String(++generations)
  const now = new Date().toISOString()
  return {
    bytes,
    resource: {
      kind: 'storage#object',
      id: `${bucket}/${name}/${generation}`,
      name,
      bucket,
      generation,
      metageneration: '1',
      contentType: facts.contentType ?? 'application/octet-stream',
      ...(facts.cacheControl === undefined ? {} : { cacheControl: facts.cacheControl }),
      ...(facts.metadata === undefined ? {} : { metadata: facts.metadata }),
      storageClass: 'STANDARD',
      size: String(bytes.length),
      md5Hash: createHash('md5').update(bytes).digest('base64'),
      crc32c: crc32c(bytes),
      etag: Buffer.from(generation).toString('base64'),
      timeCreated: now,
      updated: now,
    },
  }
}

export interface Listing {
  readonly items: GcsObject[]
  readonly prefixes: string[]
  readonly nextPageToken?: string
}

/** A page of names in order, folded at the delimiter. */
export function listObjects(objects: Objects, query: URLSearchParams): Listing {
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const after = query.get('pageToken')
  const most = Math.min(Number(query.get('maxResults') ?? 1000), 1000)
  const entries = new Set<string>()
  for (const name of objects.keys()) {
    if (!name.startsWith(prefix)) continue
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length)
    entries.add(cut < 0 ? name : name.slice(0, cut + delimiter.length))
  }
  const rest = [...entries].sort().filter((entry) => after === null || entry > after)
  const page = rest.slice(0, most)
  const last = page.at(-1)
  return {
    items: page.flatMap((entry) => objects.get(entry) ?? []),
    prefixes: page.filter((entry) => !objects.has(entry)),
    ...(rest.length > page.length && last !== undefined ? { nextPageToken: last } : {}),
  }
}
