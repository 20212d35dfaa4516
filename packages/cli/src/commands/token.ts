import { none, oneOf, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { tokensOfData } from '../data-folder.ts'
import { EXIT, UsageError } from '../exit.ts'
import { printJson } from '../report/json.ts'

const HELP = `pawl token: makes a token for a caller of a server

Usage: pawl token [--sub <id>] [--role <role>] [--ttl <span>] [--data <folder>] [--json]

  --sub <id>       who the token is for; needed with the role authenticated
  --role <role>    authenticated (default), anon or service_role
  --ttl <span>     how long it is valid: 90s, 15m, 12h, 30d (default 1h)
  --data <folder>  the server's data folder (default ./data, or PAWL_DATA)

  PAWL_TOKEN=$(pawl token --sub alice) pawl upload video.mp4 http://127.0.0.1:8080/files/
`

const SPANS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const HOUR = 3600

export const token: Command = {
  name: 'token',
  summary: 'make a token for a caller of a server',
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('token', argv, {
      sub: { type: 'string' },
      role: { type: 'string' },
      ttl: { type: 'string' },
      data: { type: 'string' },
      json: { type: 'boolean' },
    })
    none(positionals)
    const role = oneOf(values.role, '--role', ['authenticated', 'anon', 'service_role']) ?? 'authenticated'
    const seconds = values.ttl === undefined ? HOUR : span(values.ttl)
    const principal = principalOf(role, values.sub)
    const signed = await (await tokensOfData(values.data)).sign(principal, seconds)
    if (values.json === true) printJson({ token: signed, role, expiresIn: seconds })
    else process.stdout.write(`${signed}\n`)
    return EXIT.done
  },
}

function principalOf(role: 'authenticated' | 'anon' | 'service_role', sub: string | undefined) {
  if (role !== 'authenticated') {
    if (sub !== undefined) throw new UsageError(`--sub goes with the role authenticated, not with ${role}`)
    return { role }
  }
  if (sub === undefined || sub === '') throw new UsageError('--sub is missing: whom is the token for?')
  if (sub.length > 255) throw new UsageError('--sub has at most 255 characters')
  return { role, sub }
}

/** Seconds. */
function span(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const seconds = Number(count) * (SPANS[unit ?? ''] ?? Number.NaN)
  if (seconds > 0) return seconds
  throw new UsageError(`--ttl is ${JSON.stringify(text)}, but must be a span such as 90s, 15m, 12h or 30d`)
}
