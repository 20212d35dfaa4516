/** The upload engine as the faces see it: a few verbs over one state machine. See docs/design/uploads.md. */

import type { UploadDetails } from '../catalog/catalog.ts'
import { type AppendOutcome, type AppendRequest, append } from './append.ts'
import { cancelUpload, deactivateUpload } from './cancel.ts'
import { type ConcatenateRequest, concatenate } from './concatenate.ts'
import { type CreateRequest, createUpload } from './create.ts'
import { createWithBody } from './create-with-body.ts'
import { type Engine, type Permit, reach, type UploadLimits } from './engine.ts'
import { UploadError } from './errors.ts'
import {
  type FailedInspection,
  type Inspection,
  inspectByWord,
  inspectUpload,
  readUpload,
} from './inspect.ts'
import type { UploadId, UploadRecord } from './upload.ts'

export interface Uploads {
  readonly limits: UploadLimits
  create(request: CreateRequest): Promise<UploadRecord>
  /** The same with its first bytes; not for an upload of none. `onMade` hears of it when it is there. */
  createWithBody(
    request: CreateRequest,
    permit: Permit,
    body: AppendRequest,
    onMade: (upload: UploadRecord) => void,
  ): Promise<AppendOutcome>
  concatenate(request: ConcatenateRequest, permit: Permit): Promise<UploadRecord>
  inspect(id: UploadId, permit: Permit, signal?: AbortSignal): Promise<Inspection>
  /** The same where the end is a matter of a word: ends whoever is writing. */
  inspectByWord(id: UploadId, permit: Permit, signal?: AbortSignal): Promise<Inspection | FailedInspection>
  read(id: UploadId, permit: Permit): Promise<UploadRecord>
  append(id: UploadId, permit: Permit, request: AppendRequest): Promise<AppendOutcome>
  /** @throws UploadError `overloaded` when no transfer may begin now */
  refuseWhenFull(): void
  cancel(id: UploadId, permit: Permit, signal?: AbortSignal): Promise<void>
  /**
   * Makes an open upload unusable because a request broke its bounds; one that has ended stays as it is.
   * @throws UploadError `not-found`, `unavailable`
   */
  deactivate(id: UploadId, permit: Permit, why: string): Promise<void>
  /** Changes what the object will say of itself, until the upload ends. @throws UploadError `unavailable` */
  describe(id: UploadId, details: UploadDetails): Promise<void>
}

export function uploadsOver(engine: Engine): Uploads {
  const told = (error: unknown): never => {
    const code = error instanceof UploadError ? error.code : undefined
    if (code === 'over-quota' || code === 'too-many-open' || code === 'overloaded')
      engine.observer.refused(code)
    throw error
  }
  const counted = <T>(work: () => Promise<T>): Promise<T> => work().catch(told)
  return {
    limits: engine.limits,
    create: (request) => counted(() => createUpload(engine, request)),
    createWithBody: (request, permit, body, onMade) =>
      counted(() => createWithBody(engine, request, permit, body, onMade)),
    concatenate: (request, permit) => counted(() => concatenate(engine, request, permit)),
    inspect: (id, permit, signal) => inspectUpload(engine, id, permit, signal),
    inspectByWord: (id, permit, signal) => inspectByWord(engine, id, permit, signal),
    read: (id, permit) => readUpload(engine, id, permit),
    append: (id, permit, request) => counted(() => append(engine, id, permit, request)),
    describe: (id, details) => reach(() => engine.catalog.describeUpload(id, details)),
    refuseWhenFull() {
      try {
        engine.transfers.refuseWhenFull()
      } catch (error) {
        told(error)
      }
    },
    deactivate: (id, permit, why) => deactivateUpload(engine, id, permit, why),
    cancel: (id, permit, signal) => cancelUpload(engine, id, permit, signal),
  }
}
