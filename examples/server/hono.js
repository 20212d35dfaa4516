// Pawl in a Hono application, and in the same way wherever a `Request` becomes a `Response`: `npm run hono`.
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { pawl, port, running } from './pawl.js'

const app = new Hono()
// The whole URL, with /up: `app.mount` would cut it.
app.all('/up/*', (context) => {
  const { address } = getConnInfo(context).remote
  return pawl.fetch(context.req.raw, { address })
})
app.get('/', (context) => context.text('the application'))

const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () => running(server))
server.requestTimeout = 0 // Node would end an upload that takes longer than five minutes
