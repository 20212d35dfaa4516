// Pawl in a Fastify application: `npm run fastify`.
import Fastify from 'fastify'
import { pawl, port, running } from './pawl.js'

const app = Fastify()
// A hook comes before bodies are parsed; from here on the request is Pawl's.
app.addHook('onRequest', (request, reply, done) => {
  if (!/^\/up([/?]|$)/.test(request.raw.url)) return done()
  reply.hijack()
  pawl.handler(request.raw, reply.raw)
})
app.get('/', async () => 'the application')

await app.listen({ port, host: '127.0.0.1' })
running(app.server)
