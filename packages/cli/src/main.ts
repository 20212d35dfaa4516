#!/usr/bin/env node
/** The program: finds the command, and turns what it throws into a message and an exit code. */
import { suggestion } from './arguments.ts'
import { commands } from './commands.ts'
import { EXIT, UsageError } from './exit.ts'
import { overview } from './help.ts'

/** Commands that are there for their output only. */
const TELLING = ['ls', 'get', 'sessions']

const [name = '', ...argv] = process.argv.slice(2)

// Who reads the output may stop reading, as `head` does. It is no fault; and work that is not the output goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (TELLING.includes(name)) process.exit(EXIT.done)
})
// What stands there is told beside the work: that nobody reads it any more ends nothing.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const code = await pawl(name, argv)
if (code !== undefined) process.exitCode = code

async function pawl(name: string, argv: readonly string[]): Promise<number | undefined> {
  try {
    if (name === '') {
      process.stderr.write(overview())
      return EXIT.usage
    }
    if (name === '--help' || name === '-h' || (name === 'help' && argv.length === 0)) {
      process.stdout.write(overview())
      return EXIT.done
    }
    if (name === '--version') {
      const { version } = (await import('../package.json', { with: { type: 'json' } })).default
      process.stdout.write(`${version}\n`)
      return EXIT.done
    }
    const asked = name === 'help' ? argv[0] : name
    const command = commands.find((command) => command.name === asked)
    if (command === undefined) {
      const names = commands.map((command) => command.name)
      throw new UsageError(`there is no command ${asked}${await suggestion(asked ?? '', names)}`)
    }
    const end = argv.indexOf('--')
    const flags = end < 0 ? argv : argv.slice(0, end)
    if (name === 'help' || flags.includes('--help') || flags.includes('-h')) {
      process.stdout.write(typeof command.help === 'string' ? command.help : await command.help())
      return EXIT.done
    }
    return await command.run(argv)
  } catch (error) {
    process.stderr.write(`pawl: ${messageOf(error)}\n`)
    // A wrong setting of the server is wrong usage too; its class is not loaded for the sake of this line.
    if (error instanceof Error && error.name === 'ConfigError') return EXIT.usage
    if (!(error instanceof UsageError)) return EXIT.failed
    const known = commands.some((command) => command.name === name)
    process.stderr.write(`Run ${known ? `pawl ${name} --help` : 'pawl --help'} to see how.\n`)
    return EXIT.usage
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // npm installs it on an older Node too, with a warning that is easily missed.
  if ('code' in error && error.code === 'ERR_UNKNOWN_BUILTIN_MODULE')
    return `this is Node ${process.versions.node}, and pawl needs Node 24 or newer (${error.message})`
  return error.message
}
