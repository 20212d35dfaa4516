// The peer as its own guide starts it: @tus/server over @tus/file-store, defaults everywhere.
// `node tus-server.js --port 0 --data <folder>`; one line of JSON says where it listens.
import { parseArgs } from 'node:util'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const { values } = parseArgs({ options: { port: { type: 'string' }, data: { type: 'string' } } })

const tus = new Server({ path: '/files', datastore: new FileStore({ directory: values.data }) })
const server = tus.listen({ host: '127.0.0.1', port: Number(values.port) }, () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, msg: 'listening' }))
})

// A CPU profile is written on the way out only.
process.on('SIGTERM', () => process.exit(0))
