/** The JSON routes of the media face, in one place of the framework with errors of their own. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { MEDIA_PREFIX } from '../../media/descriptor.ts'
import { openApi } from '../openapi.ts'
import { internalProblem, MediaError, mediaProblem } from './errors.ts'
import type { MediaFace } from './face.ts'
import { FILE_ROUTES } from './file-routes.ts'
import { FOLDER_ROUTES } from './folder-routes.ts'
import { IMPORT_ROUTES } from './import-routes.ts'
import { register } from './json-route.ts'
import { UPLOAD_ROUTES } from './upload-routes.ts'

const ROUTES = [...UPLOAD_ROUTES, ...FILE_ROUTES, ...FOLDER_ROUTES, ...IMPORT_ROUTES]

const BYTE_ROUTES = [
  { method: 'post', path: '/uploads', summary: 'Create an upload (tus 1.0), its token among the metadata' },
  { method: 'options', path: '/uploads', summary: 'What uploads can do (tus 1.0)' },
  { method: 'head', path: '/uploads/{id}', summary: 'Where an upload stands' },
  { method: 'patch', path: '/uploads/{id}', summary: 'Send bytes' },
  { method: 'delete', path: '/uploads/{id}', summary: 'Give an upload up' },
  { method: 'put', path: '/uploads/{token}', summary: 'Make a file of what was uploaded' },
  { method: 'put', path: '/plain-uploads/{token}', summary: 'Upload a file in one request' },
  { method: 'get', path: '/media/{id}', summary: 'The bytes of a file' },
  { method: 'get', path: '/media/{id}/thumbnail', summary: 'A small picture of an image' },
] as const

const Problem = z.object({
  message: z.string(),
  details: z.object({
    applicationError: z.object({
      code: z.string(),
      description: z.string(),
      data: z.record(z.string(), z.unknown()),
    }),
    validationError: z
      .object({
        fieldViolations: z.array(
          z.object({
            field: z.string(),
            description: z.string(),
            violatedRule: z.string(),
            ruleName: z.string().optional(),
            data: z.record(z.string(), z.unknown()),
          }),
        ),
      })
      .optional(),
  }),
})

export async function registerMedia(json: FastifyInstance, face: MediaFace): Promise<void> {
  await json.register(
    async (scope) => {
      scope.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
        const known = mediaProblem(error) ?? fromFramework(error)
        if (known === undefined || error.cause !== undefined) face.onError(error)
        const { status, headers, body } = known ?? internalProblem()
        return reply.code(status).headers(headers).send(body)
      })
      scope.setNotFoundHandler(() => {
        throw new MediaError('NOT_FOUND', 'there is nothing at this address')
      })
      register(scope, face, ROUTES)
      scope.get('/openapi.json', () =>
        openApi({
          title: 'Pawl media',
          prefix: MEDIA_PREFIX,
          routes: ROUTES,
          byteRoutes: BYTE_ROUTES,
          problem: Problem,
        }),
      )
    },
    { prefix: MEDIA_PREFIX },
  )
}

/** What the framework itself finds wrong with a request. */
function fromFramework(error: Error & { statusCode?: number }) {
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined
  const code = error.statusCode === 413 ? 'PAYLOAD_TOO_LARGE' : 'INVALID_ARGUMENT'
  return mediaProblem(new MediaError(code, error.message))
}
