import type { UploadControl } from 'pawl'
import { urlOf } from '../destination.ts'
import type { Row } from '../report/reporter.ts'
import type { SessionRecord } from '../sessions/records.ts'

/** What reporters see of a record on its way. */
export function rowOf(record: SessionRecord, control: UploadControl): Row {
  const { id, file, place, key, size, loaded } = record
  return {
    id,
    name: key,
    file,
    destination: place.startsWith('http') ? place : urlOf({ place, key }),
    size,
    before: loaded,
    startedAt: Date.now(),
    // What an earlier process had sent counts from the start, while the provider is still being asked.
    control: {
      get loaded() {
        return Math.max(loaded, control.loaded)
      },
      get sent() {
        return Math.max(loaded, control.sent)
      },
      get speed() {
        return control.speed
      },
      get eta() {
        return control.eta
      },
      get phase() {
        return control.phase
      },
    },
  }
}
