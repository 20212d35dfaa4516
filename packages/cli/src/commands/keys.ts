import { none, readArguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { tokensOfData } from '../data-folder.ts'
import { EXIT } from '../exit.ts'
import { printJson } from '../report/json.ts'

const HELP = `pawl keys: prints the anon key and the service key of a server

Usage: pawl keys [--data <folder>] [--json]

  --data <folder>  the server's data folder (default ./data, or PAWL_DATA)

The service key may do everything: keep it like a password. With PAWL_JWT_SECRET set, that secret signs.
`

export const keys: Command = {
  name: 'keys',
  summary: "print a server's keys",
  help: HELP,
  async run(argv) {
    const { values, positionals } = await readArguments('keys', argv, {
      data: { type: 'string' },
      json: { type: 'boolean' },
    })
    none(positionals)
    const tokens = await tokensOfData(values.data)
    const [anon, service] = [await tokens.apiKey('anon'), await tokens.apiKey('service_role')]
    if (values.json === true) printJson({ anon, service_role: service })
    else process.stdout.write(`anon          ${anon}\nservice_role  ${service}\n`)
    return EXIT.done
  },
}
