import { none, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { urlOf } from '../destination.ts'
import { EXIT } from '../exit.ts'
import { bytes, percent, printable } from '../report/format.ts'
import { printJson } from '../report/json.ts'
import { printTable } from '../report/table.ts'
import { openRecords } from '../sessions/find.ts'
import type { SessionRecord } from '../sessions/records.ts'

const HELP = `pawl sessions: lists uploads that were interrupted, oldest first

Usage: pawl sessions [--json]

pawl resume <id> goes on with one, pawl abort <id> gives it up. Sessions are files that only you can read; some
hold what lets anyone write to the upload, so treat them like passwords.
`

export const sessions: Command = {
  name: 'sessions',
  summary: 'list uploads that were interrupted',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('sessions', argv, { json: { type: 'boolean' } })
    none(positionals)
    const all = await (await openRecords()).list()
    if (values.json === true) for (const record of all) printJson(publicFacts(record))
    else if (all.length === 0) process.stderr.write('No upload was interrupted.\n')
    else
      printTable(
        all.map((record) => [
          record.id,
          record.token === undefined ? 'waiting' : `${percent(record.loaded, record.size)} %`,
          bytes(record.size),
          new Date(record.startedAt).toISOString().slice(0, 16).replace('T', ' '),
          `${printable(record.file)} -> ${printable(target(record))}`,
        ]),
        [1, 2],
      )
    return EXIT.done
  },
}

/** Everything but the token. */
function publicFacts(record: SessionRecord): object {
  const { id, file, size, loaded, startedAt } = record
  return {
    id,
    file,
    destination: target(record),
    loaded,
    total: size,
    startedAt: new Date(startedAt).toISOString(),
  }
}

function target({ place, key }: SessionRecord): string {
  return place.startsWith('http') ? place : urlOf({ place, key })
}
