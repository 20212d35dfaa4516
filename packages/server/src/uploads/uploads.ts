/** The upload engine as the faces see it: six verbs over one state machine. See docs/design/uploads.md. */
import { type AppendOutcome, type AppendRequest, append } from './append.ts'
import { cancelUpload } from './cancel.ts'
import { type ConcatenateRequest, concatenate } from './concatenate.ts'
import { type CreateRequest, createUpload } from './create.ts'
import type { Engine, Permit, UploadLimits } from './engine.ts'
import { type Inspection, inspectUpload } from './inspect.ts'
import type { UploadId, UploadRecord } from './upload.ts'

export interface Uploads {
  readonly limits: UploadLimits
  create(request: CreateRequest): Promise<UploadRecord>
  concatenate(request: ConcatenateRequest, permit: Permit): Promise<UploadRecord>
  inspect(id: UploadId, permit: Permit, signal?: AbortSignal): Promise<Inspection>
  append(id: UploadId, permit: Permit, request: AppendRequest): Promise<AppendOutcome>
  cancel(id: UploadId, permit: Permit, signal?: AbortSignal): Promise<void>
}

export function uploadsOver(engine: Engine): Uploads {
  return {
    limits: engine.limits,
    create: (request) => createUpload(engine, request),
    concatenate: (request, permit) => concatenate(engine, request, permit),
    inspect: (id, permit, signal) => inspectUpload(engine, id, permit, signal),
    append: (id, permit, request) => append(engine, id, permit, request),
    cancel: (id, permit, signal) => cancelUpload(engine, id, permit, signal),
  }
}
