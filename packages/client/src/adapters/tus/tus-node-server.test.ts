import { operations } from '../../../test/operations.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startTusServer } from '../../../test/servers/tus-node-server.ts'
import { tus } from './tus.ts'

const open = async (): Promise<World> => {
  const server = await startTusServer()
  return {
    adapter: () => tus({ endpoint: server.endpoint }),
    read: async (_key, url) => (url === undefined ? undefined : server.read(url)),
    openSessions: () => server.unfinished(),
    partSize: 2 ** 20,
    close: () => server.close(),
  }
}
scenarios("tus, against the tus project's server", open)
operations("tus, against the tus project's server", open)
