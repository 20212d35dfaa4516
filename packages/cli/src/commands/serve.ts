import type { Command } from '../command.ts'
import { EXIT } from '../exit.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'run the server',
  help: async () => {
    const { settings } = await import('@pawl/server')
    const lines = settings().map(({ flag, variable }) => `  ${flag.padEnd(17)} ${variable}`)
    return `pawl serve: runs the server

Usage: pawl serve [settings]

Each setting is a flag or an environment variable, or stands in pawl.config.ts in the current folder:

${lines.join('\n')}

  pawl serve --port 8080 --data ./data
  pawl serve --dev

SIGTERM and Ctrl-C end it: transfers end with their bytes kept.
`
  },
  async run(argv) {
    const { main } = await import('@pawl/server')
    // The client's variable, which the server would report as unknown.
    const { PAWL_TOKEN: _, ...env } = process.env
    await main(argv, env)
    // It runs on; what went wrong has set the code already.
    return process.exitCode === undefined ? undefined : Number(process.exitCode ?? EXIT.failed)
  },
}
