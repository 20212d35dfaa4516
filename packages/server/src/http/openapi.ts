/** OpenAPI documents, made from the routes' own schemas; bytes are described by hand, since no schema reads them. */
import { z } from 'zod'

export interface DescribedRoute {
  readonly method: string
  /** Behind the prefix; `:name` is a part of the path, `*` an object's key at the end. */
  readonly url: string
  readonly summary: string
  readonly body: z.ZodType | undefined
  readonly query: z.ZodType | undefined
  readonly reply: z.ZodType
}

export interface ByteRoute {
  readonly method: string
  readonly path: string
  readonly summary: string
}

export interface Described {
  readonly title: string
  readonly prefix: string
  readonly routes: readonly DescribedRoute[]
  readonly byteRoutes: readonly ByteRoute[]
  /** What every refusal looks like. */
  readonly problem: z.ZodType
}

export function openApi({ title, prefix, routes, byteRoutes, problem }: Described): object {
  const refused = { description: 'refused', content: { 'application/json': { schema: schemaOf(problem) } } }
  const paths: Record<string, Record<string, object>> = {}
  const add = (path: string, method: string, operation: object, query?: z.ZodType): void => {
    const parameters = parametersOf(path, query)
    paths[path] = { ...paths[path], [method]: { ...operation, parameters } }
    if (method !== 'get') return
    const head = {
      summary: 'The headers of the same GET',
      parameters,
      responses: { '2XX': { description: 'there' } },
    }
    paths[path] = { ...paths[path], head }
  }
  for (const route of routes) {
    add(pathOf(route.url), route.method.toLowerCase(), operationOf(route, refused), route.query)
  }
  for (const { method, path, summary } of byteRoutes) {
    add(path, method, { summary, responses: { '2XX': { description: 'done' }, '4XX': refused } })
  }
  return {
    openapi: '3.1.0',
    info: { title, version: '1' },
    servers: [{ url: prefix }],
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
    security: [{ bearer: [] }],
    paths,
  }
}

function operationOf({ summary, body, reply }: DescribedRoute, refused: object): object {
  return {
    summary,
    ...(body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: schemaOf(body) } } } }),
    responses: {
      200: { description: 'done', content: { 'application/json': { schema: schemaOf(reply, 'output') } } },
      '4XX': refused,
    },
  }
}

function parametersOf(path: string, query: z.ZodType | undefined): object[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  if (!(query instanceof z.ZodObject)) return named
  const asked = Object.entries(query.shape).map(([name, type]) => ({
    name,
    in: 'query',
    schema: schemaOf(type as z.ZodType),
  }))
  return [...named, ...asked]
}

/** Of a route as the framework writes it, as OpenAPI does. */
export function pathOf(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{key}')
}

function schemaOf(type: z.ZodType, io: 'input' | 'output' = 'input'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' })
  return schema
}
