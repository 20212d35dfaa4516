/**
 * An upload that brings its first bytes. A small body that is all of it is gathered and packed first; then the
 * upload is made and its object published in one commit. Whatever goes another way makes the upload, and goes on as
 * if the bytes had come behind it. Nobody knows of the upload before it is there: its URL is told by the answer.
 */
import { type AppendOutcome, type AppendRequest, append, unpack } from './append.ts'
import { type CreateRequest, insertUpload, newUpload } from './create.ts'
import { type Engine, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { refuseDenied } from './judge.ts'
import { type GatheredBody, type SmallBodies, takeSmall } from './small-bodies.ts'
import type { UploadRecord } from './upload.ts'

/**
 * Of an upload that has bytes.
 * @param onMade - told of the upload when it is there, also if its bytes are refused afterwards
 * @throws UploadError those of a creation and of an append
 */
export async function createWithBody(
  engine: Engine,
  request: CreateRequest,
  permit: Permit,
  body: AppendRequest,
  onMade: (upload: UploadRecord) => void,
): Promise<AppendOutcome> {
  const upload = await newUpload(engine, request)
  const { small } = engine
  const gathered = small?.admitNew(engine, upload, body)
  if (small === undefined || gathered === undefined) {
    await insertUpload(engine, upload)
    onMade(upload)
    return append(engine, upload.id, permit, body)
  }
  try {
    return await gather(engine, small, upload, permit, body, gathered, onMade)
  } finally {
    small.giveBack(engine, gathered)
  }
}

async function gather(
  engine: Engine,
  small: SmallBodies,
  upload: UploadRecord,
  permit: Permit,
  request: AppendRequest,
  body: GatheredBody,
  onMade: (upload: UploadRecord) => void,
): Promise<AppendOutcome> {
  let inserting: Promise<void> | undefined
  // Once, whoever asks: an upload that was refused is not tried again.
  const insert = (): Promise<void> => {
    inserting ??= insertUpload(engine, upload)
    return inserting
  }
  const make = async (): Promise<void> => {
    await insert()
    onMade(upload)
  }
  const lease = await engine.leases.acquire(upload.id, 'patient', request.signal)
  try {
    await reach(() => refuseDenied(engine.judge, upload))
    const taken = await takeSmall(engine, upload, request, lease, body, small.packer, insert)
    if (taken.kind === 'dropped') return { kind: 'cut' }
    await make()
    if (taken.kind === 'unpacked') {
      return await unpack(engine, upload, permit, request, lease, body.bytes, taken.end)
    }
    small.touched(upload.id)
    return { kind: 'finished', upload, offset: body.size, finished: taken.finished }
  } catch (error) {
    // The client is to send the same bytes again: it has to know where.
    if (error instanceof UploadError && error.code === 'checksum-mismatch') await make()
    throw error
  } finally {
    lease.release()
  }
}
