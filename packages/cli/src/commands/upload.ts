import { readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openPlace, parseDestination } from '../destination.ts'
import { EXIT, UsageError } from '../exit.ts'
import { openRecords } from '../sessions/find.ts'
import { recordId, type SessionRecord } from '../sessions/records.ts'
import { findFiles, type Item } from '../sources.ts'
import { transferAll } from '../transfer/all.ts'
import { TRANSFER_FLAGS, TRANSFER_HELP, transferOptions } from '../transfer/flags.ts'

const HELP = `pawl upload: sends files and folders, and goes on where an earlier run stopped

Usage: pawl upload <file…> <destination> [options]

${TRANSFER_HELP}
A folder is sent with all it holds; keys keep the paths below it: photos gives photos/2024/a.jpg, and
photos/. gives 2024/a.jpg. With several files or a folder the destination's key is a prefix.

Ctrl-C pauses and keeps the session. pawl resume goes on, and so does the same command again.
The URL of each file that arrived is printed on stdout.

  pawl upload video.mp4 http://127.0.0.1:8080/files/
  pawl upload photos s3://backups/2026/ --concurrency 8 --limit-rate 5mb
`

export const upload: Command = {
  name: 'upload',
  summary: 'send files and folders',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('upload', argv, TRANSFER_FLAGS)
    const options = transferOptions(values)
    const paths = positionals.slice(0, -1)
    const last = positionals.at(-1)
    if (last === undefined || paths.length === 0)
      throw new UsageError(
        last === undefined || /:\/\//.test(last) ? 'the files are missing' : 'the destination is missing',
      )
    const destination = await parseDestination(last, 'upload')
    // Missing credentials end it here, before anything is written down.
    await openPlace(destination.place)
    const { items, skipped, unread } = await findFiles(paths, destination)
    if (items.length === 0 && unread.length === 0) {
      process.stderr.write('pawl: there are no files to send\n')
      return EXIT.done
    }
    const notes = skipped.map((path) => `${path} is neither a file nor a folder, skipped`)
    const records = await openRecords()
    const all = items.map((item) => recordOf(item, destination.place))
    return transferAll(all, records, { ...options, beginAnew: true, notes, unread })
  },
}

/** If there is one of an earlier run, that one is taken instead. */
function recordOf(item: Item, place: string): SessionRecord {
  return {
    pawlSession: 1,
    id: recordId({ ...item, place }),
    ...item,
    place,
    startedAt: Date.now(),
    loaded: 0,
  }
}
