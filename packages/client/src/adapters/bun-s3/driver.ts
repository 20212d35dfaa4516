/**
 * Uploads through Bun's S3 client, which cuts and sends the parts by itself. The session is a stream in this process:
 * it can wait and go on, and nothing of it is left for another process. What failed is begun anew by the engine's next
 * try, from the first byte, after Bun has tried its parts again.
 */
import type { OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { sessionText } from '../../session.ts'
import type { BunS3Client } from './bun.ts'
import { bunError } from './failure.ts'
import { Flow } from './flow.ts'

const MIB = 1024 * 1024
/** The most parts of an upload. */
const PARTS = 10_000

export interface BunSession {
  readonly [name: string]: string
  readonly id: string
}

/** @param flows Uploads under way, by session; those of the adapter. */
export function bunS3Driver(
  client: BunS3Client,
  flows: Map<string, Flow>,
  partSize: number,
  { key, size, contentType }: UploadIntent,
): OffsetDriver<BunSession> {
  const what = `uploading ${JSON.stringify(key)}`
  let finished: ProviderResult | undefined
  const options = { type: contentType, partSize: Math.max(partSize, Math.ceil(size / PARTS)), queueSize: 4 }

  function open(id: string): Flow {
    const flow = new Flow((body) => client.write(key, body, options))
    flows.set(id, flow)
    return flow
  }

  function find({ id }: BunSession): Flow {
    const flow = flows.get(id)
    if (flow) return flow
    throw new FilesError('SessionGone', `${what}: there is no such upload in this process`)
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { multiple: 1, min: 1, max: 2 ** 40, first: 8 * MIB },
    begin: async () => {
      const id = crypto.randomUUID()
      open(id)
      return { session: { id }, offsets: [0] }
    },
    adopt: (session) => {
      const id = sessionText(session, 'id')
      if (flows.has(id)) return { id }
      throw new FilesError(
        'NotSupported',
        `${what}: an upload of pawl/bun-s3 goes on only in the process and with the adapter that began it; use pawl/s3`,
      )
    },
    probe: async (session): Promise<OffsetState> => {
      if (finished) return { state: 'complete', result: finished }
      const flow = find(session)
      const { offset } = flow.failure === undefined ? flow : open(session.id)
      return { state: 'open', offsets: [offset] }
    },
    send: async (session, _lane, payload, call) => {
      const flow = find(session)
      if (flow.offset !== payload.start)
        throw new FilesError('Provider', `${what}: Bun has ${flow.offset} bytes, not ${payload.start}`)
      try {
        for await (const block of payload.blocks()) await flow.push(block, call.signal)
      } catch (error) {
        call.signal.throwIfAborted()
        throw bunError(what, error)
      }
      return flow.offset
    },
    complete: async (session) => {
      const flow = find(session)
      try {
        await flow.end()
        const { etag, size: there } = await client.file(key).stat()
        if (there !== size)
          throw new FilesError('Corrupted', `${what}: the object has ${there} bytes, the body ${size}`)
        finished = { etag }
      } catch (error) {
        throw bunError(what, error)
      }
      flows.delete(session.id)
      return finished
    },
    discard: async ({ id }) => {
      const flow = flows.get(id)
      flows.delete(id)
      await flow?.giveUp(new Error('the upload was given up'))
    },
  }
}
