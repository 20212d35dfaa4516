import { readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT, UsageError } from '../exit.ts'
import { findRecord, openRecords } from '../sessions/find.ts'
import { transferAll } from '../transfer/all.ts'
import { TRANSFER_FLAGS, TRANSFER_HELP, transferOptions } from '../transfer/flags.ts'

const HELP = `pawl resume: goes on with uploads that were interrupted

Usage: pawl resume [id] [options]

Without an id it goes on with all of them; pawl sessions lists the ids, and their first characters are enough.
A file that changed since is refused before a byte goes out.

${TRANSFER_HELP}`

export const resume: Command = {
  name: 'resume',
  summary: 'go on with uploads that were interrupted',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('resume', argv, TRANSFER_FLAGS)
    const options = transferOptions(values)
    const [id, ...more] = positionals
    if (more.length > 0) throw new UsageError(`one id, or none for all: ${more.join(' ')} is too much`)
    const records = await openRecords()
    const all = id === undefined ? await records.list() : [await findRecord(records, id)]
    if (all.length === 0) {
      process.stderr.write('pawl: there is nothing to go on with\n')
      return EXIT.done
    }
    return transferAll(all, records, { ...options, beginAnew: false })
  },
}
