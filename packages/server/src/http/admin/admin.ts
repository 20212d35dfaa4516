/** `/admin/…`: the API for those who run the server. The service key opens it, and no page of another origin. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { bearer } from '../../access/files-access.ts'
import type { Tokens } from '../../access/tokens.ts'
import { openApi } from '../openapi.ts'
import { type EventStreamOptions, registerEventStream } from './event-stream.ts'
import { type EventsAdmin, eventRoutes } from './events.ts'
import { type OverviewAdmin, overviewRoutes } from './overview.ts'
import { type PlainObjectsAdmin, plainObjectRoutes } from './plain-objects.ts'
import { register } from './route.ts'
import { type UploadsAdmin, uploadRoutes } from './uploads.ts'

export interface AdminOptions {
  readonly tokens: Tokens
  readonly events: EventsAdmin & EventStreamOptions
  readonly uploads: UploadsAdmin
  readonly overview: OverviewAdmin
  readonly plainObjects: PlainObjectsAdmin
}

const PREFIX = '/admin'
const Problem = z.object({ error: z.string() })
const BYTE_ROUTES = [
  { method: 'get', path: '/events/stream', summary: 'Events as they happen, as server-sent events' },
]

export async function registerAdmin(json: FastifyInstance, options: AdminOptions): Promise<void> {
  await json.register(
    async (admin) => {
      admin.addHook('onRequest', (request, reply) => admit(options.tokens, request, reply))
      const routes = [
        ...overviewRoutes(options.overview),
        ...uploadRoutes(options.uploads),
        ...plainObjectRoutes(options.plainObjects),
        ...eventRoutes(options.events),
      ]
      register(admin, routes)
      registerEventStream(admin, options.events)
      admin.get('/openapi.json', () =>
        openApi({
          title: 'Pawl administration',
          prefix: PREFIX,
          routes,
          byteRoutes: BYTE_ROUTES,
          problem: Problem,
        }),
      )
    },
    { prefix: PREFIX },
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
