import { none, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit.ts'

const HELP = `pawl check: compares records and bytes of a data folder, changes nothing

Usage: pawl check [--data <folder>] [--digests]

  --data <folder>  the data folder (default ./data, or PAWL_DATA)
  --digests        also read every object and compare it with its sha-256

Stop the server first. Exit code 0: nothing found; 1: something found; 2: could not check.
`

export const check: Command = {
  name: 'check',
  summary: 'look for damage in a data folder',
  help: HELP,
  async run(argv) {
    const { positionals } = await readArguments('check', argv, {
      data: { type: 'string' },
      digests: { type: 'boolean' },
    })
    none(positionals)
    const { check } = await import('@pawl/server')
    try {
      return await check(argv, process.env)
    } catch (error) {
      process.stderr.write(`pawl: ${error instanceof Error ? error.message : String(error)}\n`)
      return EXIT.usage
    }
  },
}
