import { setImmediate } from 'node:timers/promises'
import { Files, FilesError, UploadControl } from 'pawl'
import { only, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openPlace } from '../destination.ts'
import { EXIT } from '../exit.ts'
import { printable } from '../report/format.ts'
import { printJson } from '../report/json.ts'
import { findRecord, openRecords } from '../sessions/find.ts'
import type { SessionRecord } from '../sessions/records.ts'

const HELP = `pawl abort: gives an interrupted upload up, here and at the provider

Usage: pawl abort <id> [--json]

When the provider cannot be told, the session is kept, so that it can be tried again.
`

/** A provider that cannot be reached now is told later by the same command. */
const RETRIES = 2

export const abort: Command = {
  name: 'abort',
  summary: 'give an interrupted upload up',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('abort', argv, { json: { type: 'boolean' } })
    const records = await openRecords()
    const { id } = await findRecord(records, only(positionals, 'id'))
    const lock = await records.lock(id)
    if (typeof lock === 'number') throw new Error(`process ${lock} is sending ${id}: end that first`)
    try {
      const record = await findRecord(records, id)
      const complete = await discard(record)
      await records.delete(id)
      if (values.json === true)
        printJson({ event: complete ? 'completed' : 'aborted', id, file: record.file })
      else
        process.stderr.write(
          `${printable(record.file)}: ${complete ? 'was complete already, and stays' : 'given up'}\n`,
        )
      return EXIT.done
    } finally {
      lock.release()
    }
  },
}

/** Resolves to whether the provider has all of it, and keeps it. @throws FilesError if it could not be told */
async function discard({ place, key, token }: SessionRecord): Promise<boolean> {
  if (token === undefined) return false
  const control = UploadControl.from(token)
  const files = new Files({ adapter: await openPlace(place) })
  // Paused before it begins: nothing is sent, and the file need not be there any more.
  control.pause()
  const body = { size: token.body.size, slice: () => new Uint8Array(0) }
  const ended = files.upload(key, body, { control, retries: RETRIES }).catch((error: unknown) => error)
  await setImmediate()
  await control.abort()
  const error = await ended
  // A token for another place is refused before the provider could be told.
  if (error instanceof FilesError && !error.aborted) throw error
  return control.status === 'completed'
}
