import { Files } from 'pawl'
import { readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openPlace, parseDestination, urlOf } from '../destination.ts'
import { EXIT, UsageError } from '../exit.ts'
import { printJson } from '../report/json.ts'

const HELP = `pawl rm: deletes objects

Usage: pawl rm <url…> [--json]

Each URL names one object; one that is not there counts as deleted.

  pawl rm s3://backups/2025/db.tar
`

export const rm: Command = {
  name: 'rm',
  summary: 'delete objects',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('rm', argv, { json: { type: 'boolean' } })
    if (positionals.length === 0) throw new UsageError('the URL is missing')
    const targets = await Promise.all(positionals.map((text) => parseDestination(text, 'object')))
    // Looked at before the first one is deleted: a slip of the hand deletes nothing.
    for (const { key } of targets)
      if (key === '' || key.endsWith('/')) throw new UsageError('that is a folder: rm deletes single objects')
    for (const target of targets) {
      const url = urlOf(target)
      await new Files({ adapter: await openPlace(target.place) }).delete(target.key)
      if (values.json === true) printJson({ event: 'deleted', url })
      else process.stderr.write(`deleted ${url}\n`)
    }
    return EXIT.done
  },
}
