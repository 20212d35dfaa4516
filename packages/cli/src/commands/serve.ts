import type { Command } from '../command.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'run the server',
  help: async () => `${(await import('@pawl/server')).helpText()}\n`,
  async run(argv) {
    const { main } = await import('@pawl/server')
    // The client's variable, which the server would report as unknown.
    const { PAWL_TOKEN: _, ...env } = process.env
    await main(argv, env)
    // It runs on; what went wrong has set the code already.
    return undefined
  },
}
