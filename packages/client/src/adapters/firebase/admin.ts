/**
 * A Firebase project's bucket through the interface of Cloud Storage, for servers with an account of their own:
 * security rules do not apply to them, and conditions, copies and signed URLs work.
 */
import type { Adapter } from '../../adapter.ts'
import { type GcsOptions, gcs } from '../gcs/gcs.ts'
import type { GoogleWire } from '../google/wire.ts'

export type { GcsOptions, GoogleCredentials, TokenSource } from '../gcs/gcs.ts'

/** @example new Files({ adapter: firebaseAdmin({ bucket: 'app.appspot.com', credentials }) }) */
export function firebaseAdmin(options: GcsOptions): Adapter<GoogleWire> {
  return { ...gcs(options), name: 'firebase' }
}
