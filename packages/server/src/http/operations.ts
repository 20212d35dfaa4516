/** Routes for those who run the server: is it alive, can it do its work, what does it measure. */
import type { FastifyInstance } from 'fastify'
import type { Rendered } from './metrics-server.ts'

export interface OperationsOptions {
  /** Rejects while the catalog or the bytes are out of reach, or the server is closing. */
  readonly ready: () => Promise<void>
  /** Renders what the server measures, for those who may see it; undefined for everyone else. */
  readonly metrics: (authorization: string | undefined) => Promise<Rendered | undefined>
  readonly onError: (error: unknown) => void
}

export function registerOperations(
  json: FastifyInstance,
  { ready, metrics, onError }: OperationsOptions,
): void {
  json.get('/health', () => ({ status: 'ok' }))
  json.get('/metrics', async (request, reply) => {
    const rendered = await metrics(request.headers.authorization)
    if (rendered !== undefined) return reply.type(rendered.type).send(rendered.text)
    reply.header('WWW-Authenticate', 'Bearer')
    return reply.code(401).send({ error: 'this needs the service key: Authorization: Bearer …' })
  })
  json.get('/ready', async (_request, reply) => {
    try {
      await ready()
      return { status: 'ready' }
    } catch (error) {
      onError(error)
      return reply.code(503).header('Retry-After', '1').send({ status: 'not ready' })
    }
  })
}
