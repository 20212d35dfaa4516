/** `/admin/…`: the API for those who run the server. The service key opens it, and no page of another origin. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { bearer } from '../../access/files-access.ts'
import type { Tokens } from '../../access/tokens.ts'
import { type EventStreamOptions, registerEventStream } from './event-stream.ts'
import { type EventsAdmin, registerEvents } from './events.ts'

export interface AdminOptions {
  readonly tokens: Tokens
  readonly events: EventsAdmin & EventStreamOptions
}

export async function registerAdmin(json: FastifyInstance, options: AdminOptions): Promise<void> {
  await json.register(
    async (admin) => {
      admin.addHook('onRequest', (request, reply) => admit(options.tokens, request, reply))
      registerEvents(admin, options.events)
      registerEventStream(admin, options.events)
    },
    { prefix: '/admin' },
  )
}

/** An answer that is sent here ends the request: its route is not reached. */
async function admit(tokens: Tokens, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('Cache-Control', 'no-store')
  const token = bearer(request.headers.authorization)
  if (token === undefined)
    return void unauthorized(reply, 'this needs the service key: Authorization: Bearer …')
  const verdict = await tokens.verify(token)
  if (verdict.kind !== 'valid') return void unauthorized(reply, 'the token is not valid, or no longer')
  if (verdict.principal.role !== 'service_role') {
    reply.code(403).send({ error: 'this needs the service key' })
  }
}

function unauthorized(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(401).header('WWW-Authenticate', 'Bearer').send({ error })
}
