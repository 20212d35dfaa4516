/** The last PUT: what was uploaded becomes a media file. And the plain upload, which is one PUT in all. */
import { MEDIA_BUCKET, type MediaFile } from '../../media/media-file.ts'
import { isToken } from '../../media/token.ts'
import type { Exchange } from '../exchange.ts'
import { queryOf } from '../query.ts'
import { against, MediaError } from './errors.ts'
import { describe, type MediaFace, sendJson } from './face.ts'
import { declaredTypeOf, grantFor, judgeSize, unknownToken } from './resumable.ts'
import { nameFrom } from './terms.ts'

/** How long the answer waits for the file to be READY: most are by then. */
const SETTLE_MS = 3000
/** Clients send `{}` or nothing. */
const MAX_BODY = 64 * 1024

export async function finalize(face: MediaFace, exchange: Exchange, token: string): Promise<void> {
  if ((exchange.declaredBytes ?? 0) > MAX_BODY) {
    throw new MediaError('PAYLOAD_TOO_LARGE', 'the bytes of a file are sent with PATCH; this takes none')
  }
  await discardBody(exchange)
  await answerFile(face, exchange, token)
}

/** The whole file in one request. */
export async function storePlain(face: MediaFace, exchange: Exchange, token: string): Promise<void> {
  const known = isToken(token) ? await face.media.grantOf(token) : undefined
  if (known?.kind === 'plain' && known.used) return answerFile(face, exchange, token)
  const grant = await grantFor(face, token, 'plain')
  const length = exchange.declaredBytes
  judgeSize(grant, length)
  const contentType = declaredTypeOf(grant, exchange.header('content-type'))
  face.uploads.refuseWhenFull()
  await face.media.replaceUploads(grant)
  const name = nameOf(exchange)
  const upload = await face.uploads.create({
    face: 'media',
    owner: grant.owner,
    bucket: MEDIA_BUCKET,
    key: () => grant.file,
    precondition: 'none',
    length,
    metadata: '',
    headers: { contentType, fileName: name },
    concat: 'whole',
    digests: { wanted: ['md5'], demanded: {} },
    maxSize: grant.size,
    capability: grant.fingerprint,
  })
  const permit = ({ id }: { id: string }): boolean => id === upload.id
  let finished = false
  try {
    const outcome = await face.uploads.append(upload.id, permit, {
      offset: 0,
      declared: length,
      length: undefined,
      ends: 'here',
      checksum: undefined,
      open: () => exchange.openBody(),
      signal: exchange.gone,
    })
    finished = outcome.kind === 'finished'
  } finally {
    // Nobody knows its id, so nobody could go on with it.
    if (!finished) await face.uploads.cancel(upload.id, permit).catch(() => {})
  }
  if (!finished) return exchange.cut()
  await answerFile(face, exchange, token)
}

async function answerFile(face: MediaFace, exchange: Exchange, token: string): Promise<void> {
  const file = await face.media.settled(await fileOf(face, token, nameOf(exchange)), SETTLE_MS)
  const { failure } = file
  if (failure?.code === 'MISMATCH_MIME_TYPE') {
    throw against('MISMATCH_MIME_TYPE', 'mimeType', failure.description, { fileId: file.id })
  }
  sendJson(exchange, 200, {}, { file: describe(face, exchange.req, file) })
}

/** @throws MediaError */
async function fileOf(face: MediaFace, token: string, name: string | undefined): Promise<MediaFile> {
  if (!isToken(token)) throw unknownToken()
  const result = await face.media.finalize(token, name)
  switch (result.kind) {
    case 'finalized':
    case 'again':
      return result.file
    case 'unknown':
      throw unknownToken()
    case 'incomplete':
      throw new MediaError(
        'FAILED_PRECONDITION',
        'not all bytes of the file are there: go on with its upload',
      )
    case 'size': {
      const { actual, declared } = result
      if (actual === 0) throw against('ZERO_FILE_SIZE', 'sizeInBytes', 'a file has at least one byte')
      const rule = actual > (declared ?? 0) ? 'FILE_SIZE_OVER_LIMIT' : 'MISMATCH_FILE_SIZE'
      throw against(rule, 'sizeInBytes', `the file was to have ${declared} bytes and has ${actual}`)
    }
  }
}

function nameOf(exchange: Exchange): string | undefined {
  const name = queryOf(exchange).get('filename')
  return name ? nameFrom(name, 'filename') : undefined
}

async function discardBody(exchange: Exchange): Promise<void> {
  if (exchange.declaredBytes === 0) return
  let read = 0
  for await (const chunk of exchange
    .openBody()
    .iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    read += chunk.byteLength
    if (read > MAX_BODY) throw new MediaError('PAYLOAD_TOO_LARGE', 'the bytes of a file are sent with PATCH')
  }
}
