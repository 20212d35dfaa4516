// What the servers of this folder have in common: Pawl below /up, with its data in a folder.
// Development mode: only this machine reaches it, and nobody needs a key. Leave `dev` out to serve others.
import { createServer, readConfig } from '@pawl/server'

const file = { dev: true, data: process.env.PAWL_DATA ?? './data', log: 'warn' }
export const pawl = await createServer(readConfig({ file }), { mountPath: '/up' })

export const port = Number(process.env.PORT ?? 3000)

/** Tells where it listens, and ends transfers with their bytes kept when the process is told to end. */
export function running(server) {
  console.log(`uploads go to http://127.0.0.1:${server.address().port}/up/files/`)
  process.once('SIGTERM', async () => {
    await pawl.close()
    process.exit(0)
  })
}
