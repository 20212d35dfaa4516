/** A JSON route as one value: what it takes, what it says, and what it does. OpenAPI is made from the same. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import type { DescribedRoute } from '../openapi.ts'
import { readInput } from '../read-input.ts'
import { invalid } from './errors.ts'
import { type MediaFace, manager } from './face.ts'

export interface MediaRoute extends DescribedRoute {
  readonly method: 'GET' | 'POST' | 'PATCH'
  run(face: MediaFace, request: FastifyRequest): Promise<unknown>
}

export interface MediaCall<B, Q> {
  readonly face: MediaFace
  readonly body: B
  readonly query: Q
  /** Parts of the path by name, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly req: IncomingMessage
  /** Who asks: nobody else may use these routes. */
  readonly caller: Principal
}

interface RouteOptions<B, Q> {
  readonly method: MediaRoute['method']
  readonly url: string
  readonly summary: string
  readonly body?: z.ZodType<B>
  readonly query?: z.ZodType<Q>
  readonly reply: z.ZodType
  run(call: MediaCall<B, Q>): Promise<unknown>
}

export function route<B = undefined, Q = undefined>(options: RouteOptions<B, Q>): MediaRoute {
  const { body, query, run, ...rest } = options
  return {
    ...rest,
    body,
    query,
    async run(face, request) {
      // Before what was sent is looked at: who may not ask learns nothing of the rules.
      const caller = await manager(face, request.headers.authorization)
      return run({
        face,
        caller,
        body: readInput(body, request.body ?? {}, invalid),
        query: readInput(query, request.query, invalid),
        params: request.params as Readonly<Record<string, string>>,
        req: request.raw,
      })
    },
  }
}

export function register(json: FastifyInstance, face: MediaFace, routes: readonly MediaRoute[]): void {
  for (const { method, url, run } of routes) {
    json.route({ method, url, handler: (request) => run(face, request) })
  }
}
