/** A JSON route as one value: what it takes, what it says, and what it does. OpenAPI is made from the same. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import type { DescribedRoute } from '../openapi.ts'
import { readInput } from '../read-input.ts'
import { StorageError } from './errors.ts'
import type { StorageFace } from './face.ts'
import { type Place, placeFrom } from './names.ts'

export interface JsonRoute extends DescribedRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  run(face: StorageFace, request: FastifyRequest, reply: FastifyReply): Promise<unknown>
}

export interface Call<B, Q> {
  readonly face: StorageFace
  readonly body: B
  readonly query: Q
  /** Parts of the path by name, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** Of one name; several are joined. */
  header(name: string): string | undefined
  /** @throws CredentialError, UploadError `unavailable` */
  caller(): Promise<Principal>
  /** The bucket and key at the end of the path. @throws StorageError `InvalidKey` */
  place(): Place
}

export interface RouteOptions<B, Q> {
  readonly method: JsonRoute['method']
  readonly url: string
  readonly summary: string
  readonly body?: z.ZodType<B>
  readonly query?: z.ZodType<Q>
  readonly reply: z.ZodType
  run(call: Call<B, Q>): Promise<unknown>
}

export function route<B = undefined, Q = undefined>(options: RouteOptions<B, Q>): JsonRoute {
  const { body, query, run, ...rest } = options
  return {
    ...rest,
    body,
    query,
    run(face, request) {
      const header = (name: string): string | undefined => {
        const value = request.headers[name]
        return Array.isArray(value) ? value.join(', ') : value
      }
      const params = request.params as Readonly<Record<string, string>>
      return run({
        face,
        body: readInput(body, request.body ?? {}, invalid),
        query: readInput(query, request.query, invalid),
        params,
        header,
        caller: () => face.identify({ authorization: header('authorization'), apikey: header('apikey') }),
        // Read from the raw path: decoded once, by the same rules as where bytes go.
        place: () => placeFrom(rawTail(request.raw.url ?? '', face.prefix, rest.url)),
      })
    },
  }
}

export function register(json: FastifyInstance, face: StorageFace, routes: readonly JsonRoute[]): void {
  for (const { method, url, run } of routes) {
    json.route({ method, url, handler: (request, reply) => run(face, request, reply) })
  }
}

function invalid(field: string, problem: string): StorageError {
  return new StorageError('InvalidRequest', `${field === '' ? 'the request' : field}: ${problem}`)
}

/** The path of a request behind the prefix, still encoded. */
export function pathBehind(prefix: string, target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? ''
  // By parts, not by length: the framework also takes a prefix that is percent-encoded.
  return ['', ...path.split('/').slice(prefix.split('/').length)].join('/')
}

/** The path from the bucket on, of a route that ends in `:bucket/*`. */
function rawTail(target: string, prefix: string, url: string): string {
  const before = url.split('/').length - 2
  return pathBehind(prefix, target).split('/').slice(before).join('/')
}
