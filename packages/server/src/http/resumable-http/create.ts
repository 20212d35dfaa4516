/** An ordinary upload request that becomes resumable. Section "Upload Creation". */
import { formatUploadComplete } from '@pawl/protocol'
import type { AppendOutcome } from '../../uploads/append.ts'
import type { Permit } from '../../uploads/engine.ts'
import { UploadError } from '../../uploads/errors.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { answerFinal, limitHeader, limitOf, refuse } from './answers.ts'
import type { Creation, ResumableDoor, Wish } from './face.ts'
import { Interim } from './interim.ts'
import { deactivateIfPast } from './past.ts'
import { contentDigestOf, digestsOf } from './wish.ts'

/** Answers whatever happens: what the face had to refuse, it refused before. */
export async function createResumable(
  door: ResumableDoor,
  exchange: Exchange,
  wish: Wish,
  creation: Creation,
): Promise<void> {
  let upload: UploadRecord | undefined
  const permit: Permit = ({ id }) => id === upload?.id
  try {
    const checksum = contentDigestOf(exchange)
    const digests = digestsOf(exchange)
    const empty = exchange.declaredBytes === 0
    // Before there is an upload that its client might not get to know of.
    if (!empty) door.uploads.refuseWhenFull()
    const { query, ...request } = creation
    const ending = wish.complete && wish.length !== undefined ? 'said' : 'word'
    upload = await door.uploads.create({ ...request, digests, concat: 'whole', length: wish.length, ending })
    const { dialect } = wish
    const location = `${door.urlPrefix}/uploads/${upload.id}${query === undefined ? '' : `?${query}`}`
    const limit = limitOf(door, dialect, upload)
    const interim = new Interim(door, exchange, dialect)
    interim.created(location, limit)
    // Whatever becomes of the content, the client is told where to go on.
    exchange.res.setHeader('Location', location)
    const outcome: AppendOutcome =
      empty && !wish.complete && checksum === undefined
        ? { kind: 'appended', upload, offset: 0, expiresAt: upload.expiresAt }
        : await door.uploads.append(upload.id, permit, {
            offset: 0,
            declared: exchange.declaredBytes,
            length: undefined,
            ends: wish.complete ? 'here' : 'not-here',
            manner: 'at-once',
            checksum,
            onAccepted: interim.progress,
            open: () => exchange.openBody(),
            signal: exchange.gone,
          })
    switch (outcome.kind) {
      case 'cut':
        return exchange.cut()
      case 'appended':
        return exchange.answer(201, {
          'Upload-Offset': String(outcome.offset),
          'Upload-Complete': formatUploadComplete(false),
          ...limitHeader(limitOf(door, dialect, { ...upload, expiresAt: outcome.expiresAt })),
        })
      case 'finished':
        return await answerFinal(door, exchange, dialect, outcome.upload, outcome.finished, {
          location,
          offset: outcome.offset,
        })
    }
  } catch (error) {
    if (upload !== undefined) await deactivateIfPast(door, exchange, upload.id, permit, error)
    // A hook of the operator speaks for the target, and so does the outcome.
    const spoken = error instanceof UploadError && (error.outcome || error.code === 'rejected')
    const target = spoken ? door.faces.get(creation.face) : undefined
    refuse(door, exchange, error, { dialect: wish.dialect, target })
  }
}
