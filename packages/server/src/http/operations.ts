/** Routes for those who run the server: is it alive, can it do its work. */
import type { FastifyInstance } from 'fastify'

export interface OperationsOptions {
  /** Rejects while the catalog or the bytes are out of reach, or the server is closing. */
  readonly ready: () => Promise<void>
  readonly onError: (error: unknown) => void
}

export function registerOperations(json: FastifyInstance, { ready, onError }: OperationsOptions): void {
  json.get('/health', () => ({ status: 'ok' }))
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
