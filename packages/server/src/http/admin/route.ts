/** A route of the admin API as one value: what it takes, what it says, what it does. OpenAPI is made from the same. */
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import type { DescribedRoute } from '../openapi.ts'
import { parse } from './parse.ts'

export interface AdminRoute extends DescribedRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  handle(input: { readonly params: unknown; readonly query: unknown }): Promise<unknown>
}

interface RouteOptions<P, Q, R extends z.ZodType> {
  readonly method: AdminRoute['method']
  readonly url: string
  readonly summary: string
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly reply: R
  run(call: { readonly params: P; readonly query: Q }): Promise<z.input<R>>
}

export function route<R extends z.ZodType, P = undefined, Q = undefined>(
  options: RouteOptions<P, Q, R>,
): AdminRoute {
  const { params, query, run, ...rest } = options
  return {
    ...rest,
    body: undefined,
    query,
    handle: (input) =>
      run({
        params: params === undefined ? (undefined as P) : parse(params, input.params),
        query: query === undefined ? (undefined as Q) : parse(query, input.query),
      }),
  }
}

export function register(admin: FastifyInstance, routes: readonly AdminRoute[]): void {
  for (const { method, url, handle } of routes) {
    admin.route({ method, url, handler: async ({ params, query }) => handle({ params, query }) })
  }
}
