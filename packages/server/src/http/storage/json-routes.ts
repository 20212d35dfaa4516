/** The JSON routes of the storage face, in one place of the framework with errors of their own. */
import type { FastifyInstance } from 'fastify'
import { BUCKET_ROUTES } from './bucket-routes.ts'
import { methodsAt } from './byte-routes.ts'
import { earlyProblem, internalProblem, StorageError, storageProblem } from './errors.ts'
import type { StorageFace } from './face.ts'
import { pathBehind, register } from './json-route.ts'
import { LIST_ROUTES } from './list-routes.ts'
import { OBJECT_ROUTES } from './object-routes.ts'
import { storageApi } from './openapi.ts'
import { SIGN_ROUTES } from './sign-routes.ts'

const ROUTES = [...BUCKET_ROUTES, ...OBJECT_ROUTES, ...LIST_ROUTES, ...SIGN_ROUTES]

/** Groups of the original that have no place here, said so instead of "not found". */
const NOT_OURS = [
  ['/render', 'images are not transformed here'],
  ['/cdn', 'there is no cache of a CDN here'],
  ['/vector', 'there are no vector buckets here'],
  ['/iceberg', 'there are no analytics buckets here'],
  ['/s3', 'there is no S3 interface here'],
] as const

export async function registerStorage(json: FastifyInstance, face: StorageFace): Promise<void> {
  await json.register(
    async (scope) => {
      // Clients send the header with no body behind it.
      scope.removeContentTypeParser('application/json')
      scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
        try {
          done(null, text === '' ? {} : JSON.parse(String(text)))
        } catch {
          done(new StorageError('InvalidRequest', 'the body is not JSON'))
        }
      })
      scope.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
        const known = storageProblem(error) ?? fromFramework(error)
        if (known === undefined || error.cause !== undefined) face.onError(error)
        const { status, headers, body } = known ?? internalProblem()
        return reply.code(status).headers(headers).send(body)
      })
      scope.setNotFoundHandler((request, reply) => {
        const methods = methodsAt(pathBehind(face.prefix, request.raw.url ?? ''), ROUTES)
        if (methods.length === 0)
          return reply.code(404).send(earlyProblem(404, 'there is nothing at this address'))
        reply.header('Allow', methods.join(', '))
        throw new StorageError('MethodNotAllowed', `${request.method} is not possible here`)
      })
      register(scope, face, ROUTES)
      for (const [path, why] of NOT_OURS) scope.all(`${path}/*`, () => Promise.reject(notOurs(why)))
      scope.all('/bucket/:id/lifecycle', () => Promise.reject(notOurs('objects have no older versions here')))
      scope.get('/openapi.json', () => storageApi(face.prefix, ROUTES))
    },
    { prefix: face.prefix },
  )
}

function notOurs(why: string): StorageError {
  return new StorageError('NotImplemented', why)
}

/** What the framework itself finds wrong with a request. */
function fromFramework(error: Error & { statusCode?: number }) {
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined
  const code = error.statusCode === 413 ? 'EntityTooLarge' : 'InvalidRequest'
  return storageProblem(new StorageError(code, error.message))
}
