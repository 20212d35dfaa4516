/** How the server is: its parts, its last hour, and what the page has to know to use it. */
import { z } from 'zod'
import type { Sample } from '../../metrics/history.ts'
import { type AdminRoute, route } from './route.ts'

export interface OverviewAdmin {
  readonly storagePrefix: string
  readonly history: { readonly every: number; samples(): readonly Sample[] }
  /** Each rejects while its part is out of reach. */
  readonly parts: {
    readonly catalog: () => Promise<unknown>
    /** Bytes that may still be written; undefined where there is no such limit. */
    readonly blobs: () => Promise<number | undefined>
  }
  readonly onError: (error: unknown) => void
}

/** A part that does not answer for so long is out of reach, in milliseconds. */
const PATIENCE_MS = 5000

const Part = z.object({
  state: z.enum(['ok', 'failed']),
  /** How long it took to answer. */
  milliseconds: z.number(),
  /** What it said, where it failed. */
  problem: z.string().optional(),
})

const Sampled = z.object({
  at: z.string(),
  bytesPerSecond: z.number(),
  active: z.number(),
  published: z.number(),
  errors: z.number(),
  refused: z.number(),
  latency: z.object({ mean: z.number(), longest: z.number() }).nullable(),
})

export function overviewRoutes(options: OverviewAdmin): AdminRoute[] {
  const { storagePrefix, history, parts, onError } = options
  return [
    route({
      method: 'GET',
      url: '/info',
      summary: 'Where the faces of this server are',
      reply: z.object({ storagePrefix: z.string() }),
      run: async () => ({ storagePrefix }),
    }),
    route({
      method: 'GET',
      url: '/health',
      summary: 'Whether catalog and blobs are within reach, and how much room is left',
      reply: z.object({ catalog: Part, blobs: Part.extend({ freeBytes: z.number().nullable() }) }),
      async run() {
        const [catalog, blobs] = await Promise.all([look(parts.catalog, onError), look(parts.blobs, onError)])
        return { catalog: catalog.part, blobs: { ...blobs.part, freeBytes: blobs.value ?? null } }
      },
    }),
    route({
      method: 'GET',
      url: '/history',
      summary: 'The last hour of this process: throughput, transfers, errors, latency',
      reply: z.object({ everySeconds: z.number(), samples: z.array(Sampled) }),
      run: async () => ({
        everySeconds: history.every,
        samples: history.samples().map((sample) => ({
          ...sample,
          at: new Date(sample.at).toISOString(),
          latency: sample.latency ?? null,
        })),
      }),
    }),
  ]
}

async function look<T>(ask: () => Promise<T>, onError: (error: unknown) => void) {
  const began = performance.now()
  const taken = (): number => Math.round((performance.now() - began) * 10) / 10
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    const value = await Promise.race([ask(), late])
    return { part: { state: 'ok' as const, milliseconds: taken() }, value }
  } catch (error) {
    onError(error)
    const problem = error instanceof Error ? error.message : 'it failed'
    return { part: { state: 'failed' as const, milliseconds: taken(), problem }, value: undefined }
  } finally {
    clearTimeout(timer)
  }
}
