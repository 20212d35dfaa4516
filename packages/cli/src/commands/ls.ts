import { Files } from 'pawl'
import { only, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openPlace, parseDestination, urlOf } from '../destination.ts'
import { EXIT, UsageError } from '../exit.ts'
import { printable } from '../report/format.ts'
import { printJson } from '../report/json.ts'

const HELP = `pawl ls: lists objects

Usage: pawl ls <url> [--recursive] [--json]

  -r, --recursive  also what lies deeper; otherwise folders are shown with a slash at their end

Size in bytes, time of the last change, key. tus has no words for listing: http(s):// cannot be listed.

  pawl ls s3://backups/2026/
`

export const ls: Command = {
  name: 'ls',
  summary: 'list objects',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('ls', argv, {
      json: { type: 'boolean' },
      recursive: { type: 'boolean', short: 'r' },
    })
    const { place, key } = await parseDestination(only(positionals, 'URL'), 'object')
    const files = new Files({ adapter: await openPlace(place) })
    if (place.startsWith('http')) throw new UsageError('tus servers cannot be listed')
    const delimiter = values.recursive === true ? {} : { delimiter: '/' }
    let cursor: string | undefined
    do {
      const page = await files.list({
        prefix: key,
        ...delimiter,
        ...(cursor === undefined ? {} : { cursor }),
      })
      for (const prefix of page.prefixes ?? []) {
        if (values.json === true) printJson({ key: prefix, url: urlOf({ place, key: prefix }), folder: true })
        else process.stdout.write(`${''.padStart(15)}  ${''.padEnd(16)}  ${printable(prefix)}\n`)
      }
      for (const { key, size, lastModified } of page.items) {
        const time = lastModified === undefined ? undefined : new Date(lastModified).toISOString()
        if (values.json === true) {
          printJson({
            key,
            url: urlOf({ place, key }),
            size,
            ...(time === undefined ? {} : { lastModified: time }),
          })
        } else {
          const minute = (time ?? '').slice(0, 16).replace('T', ' ').padEnd(16)
          process.stdout.write(`${String(size).padStart(15)}  ${minute}  ${printable(key)}\n`)
        }
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    return EXIT.done
  },
}
