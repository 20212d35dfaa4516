import { basename } from 'node:path'
import { Files, FilesError } from 'pawl'
import { readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openPlace, parseDestination, urlOf } from '../destination.ts'
import { saveTo, writeOut } from '../download.ts'
import { EXIT, UsageError } from '../exit.ts'
import { bytes, printable } from '../report/format.ts'
import { printJson } from '../report/json.ts'
import { onInterrupt } from '../transfer/interrupt.ts'

const HELP = `pawl get: downloads an object

Usage: pawl get <url> [file] [--force] [--json]

  --force  replace a file that is there

Without a file the object's own name is used, in the current folder; - writes to stdout. The file appears
when all of it is there.

  pawl get s3://backups/2026/db.tar
  pawl get http://127.0.0.1:8080/files/0123456789abcdef0123456789abcdef - | tar t
`

export const get: Command = {
  name: 'get',
  summary: 'download an object',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('get', argv, {
      json: { type: 'boolean' },
      force: { type: 'boolean' },
    })
    const [url, target, ...more] = positionals
    if (url === undefined) throw new UsageError('the URL is missing')
    if (more.length > 0) throw new UsageError(`${more.join(' ')} is too much`)
    if (target === '') throw new UsageError("the file's name is empty")
    if (target === '-' && values.json === true) throw new UsageError('--json and - both want stdout')
    const destination = await parseDestination(url, 'object')
    const { place, key } = destination
    if (key === '' || key.endsWith('/'))
      throw new UsageError('that is a folder: get downloads single objects')
    const interrupt = onInterrupt()
    try {
      const files = new Files({ adapter: await openPlace(place), signal: interrupt.signal })
      const object = await files.download(key)
      if (target === '-') {
        await writeOut(object.stream(), interrupt.signal)
        return EXIT.done
      }
      const path = target ?? basename(object.metadata?.filename ?? object.name)
      const size = await saveTo(path, object, { force: values.force ?? false, signal: interrupt.signal })
      if (values.json === true) printJson({ event: 'done', url: urlOf(destination), file: path, size })
      else {
        process.stderr.write(`${printable(path)}  ${bytes(size)}\n`)
        process.stdout.write(`${path}\n`)
      }
      return EXIT.done
    } catch (error) {
      // Nothing is kept of a download: to go on is to begin again.
      if (interrupt.signal.aborted) return EXIT.interrupted
      throw error instanceof FilesError ? new Error(error.message) : error
    } finally {
      interrupt.stop()
    }
  },
}
