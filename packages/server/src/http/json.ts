/** Fastify for what is not bytes: health, the page, and JSON routes. It only routes: it never listens. */
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import { type AdminOptions, registerAdmin } from './admin/admin.ts'
import { type OperationsOptions, registerOperations } from './operations.ts'

export interface JsonOptions extends OperationsOptions {
  /** The built page; without it `/` says what this server is. */
  readonly pageDir: string | undefined
  /** Registers the JSON routes of a face. */
  readonly register: readonly ((json: FastifyInstance) => Promise<void>)[]
  readonly admin: AdminOptions
}

/** Nothing of the page comes from elsewhere, and nothing of it may be put into another page. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  // Previews of objects: by signed URLs of this very server.
  "media-src 'self'",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export async function createJson(options: JsonOptions): Promise<FastifyInstance> {
  const json = Fastify({
    logger: false,
    bodyLimit: 1024 * 1024,
    // Headers are bounded; what is longer than any name is not found, by the face that was asked.
    routerOptions: { maxParamLength: 128 * 1024 },
  })
  json.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff')
    reply.header('Referrer-Policy', 'no-referrer')
  })
  json.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500
    if (status === 500) options.onError(error)
    // Fastify's own messages on bad input say what is wrong; ours on a fault say nothing of the inside.
    return reply.code(status).send({ error: status === 500 ? 'the server has a problem' : error.message })
  })
  json.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'there is nothing at this address' }),
  )
  registerOperations(json, options)
  for (const register of options.register) await register(json)
  await registerAdmin(json, options.admin)
  if (options.pageDir !== undefined) {
    await json.register(fastifyStatic, {
      root: options.pageDir,
      // Made when the page is built: nothing is compressed while it is served.
      preCompressed: true,
      setHeaders: (res, path) => {
        res.header('Content-Security-Policy', PAGE_POLICY)
        // Vite puts a hash of the contents into these names.
        const lasting = path.includes('/assets/')
        res.header('Cache-Control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    })
  } else {
    json.get('/', (_request, reply) => reply.type('text/plain').send('Pawl: uploads go to /files/\n'))
  }
  await json.ready()
  return json
}
