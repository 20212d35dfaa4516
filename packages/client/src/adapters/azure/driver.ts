/** Block blobs: https://learn.microsoft.com/rest/api/storageservices/put-block */
import type { BlockBlobClient } from '@azure/storage-blob'
import type {
  Call,
  PartReceipt,
  PartsDriver,
  PartsState,
  Payload,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { WHOLE } from '../../transfer/block.ts'
import { sleep } from '../../transfer/retry.ts'
import { headerValue } from '../header-value.ts'
import { blockName, blockNumber, isPrefix, newPrefix } from './blocks.ts'
import { asked, codeOf } from './failure.ts'

const MIB = 1024 * 1024
/** Milliseconds within which a block of a request that was cut is staged, if it is at all. */
const LATE = 250

export interface AzureSession {
  readonly [name: string]: Json
  readonly blob: string
  /** What the names of this session's blocks begin with. */
  readonly prefix: string
}

export function azureDriver(
  { key, condition }: UploadIntent,
  open: () => Promise<BlockBlobClient>,
  refresh: () => Promise<boolean>,
): PartsDriver<AzureSession> {
  const what = `uploading ${JSON.stringify(key)}`
  const use = <T>({ signal }: Call, call: (blob: BlockBlobClient) => Promise<T>) =>
    asked(what, signal, async () => call(await open()))

  /** The block lists; undefined when there is neither blob nor block. */
  const lists = (call: Call) =>
    use(call, async (blob) => {
      try {
        return await blob.getBlockList('all', { abortSignal: call.signal })
      } catch (error) {
        if (codeOf(error) === 'BlobNotFound') return undefined
        throw error
      }
    })

  const discardStaged = async (prefix: string, call: Call): Promise<void> => {
    const found = await lists(call)
    const staged = found?.uncommittedBlocks ?? []
    // Staged blocks can only be dropped by committing without them. That is done where it harms nobody: no
    // blob is there yet, and nobody else has staged anything. Elsewhere the service drops them after seven days.
    const mine = staged.every(({ name }) => blockNumber(prefix, name) !== undefined)
    if (staged.length === 0 || !mine || (found?.committedBlocks ?? []).length > 0) return
    try {
      await use(call, async (blob) => {
        const options = { abortSignal: call.signal, conditions: { ifNoneMatch: '*' } }
        const { etag = '' } = await blob.commitBlockList([], options)
        await blob.delete({ abortSignal: call.signal, conditions: { ifMatch: etag } })
      })
    } catch (error) {
      // A blob was there after all, or came meanwhile: it stays as it is.
      if (!(error instanceof FilesError && error.code === 'Conflict')) throw error
    }
  }

  return {
    shape: 'parts',
    part: {
      min: 1,
      max: canReadStreams() ? 4000 * MIB : WHOLE,
      maxCount: 50_000,
      maxSize: 50_000 * 4000 * MIB,
      multiple: 1,
      preferred: 8 * MIB,
    },
    single: {
      // On a condition, repeating a request whose answer was lost would be refused because of its own blob: blocks
      // tell whose blob it is. There is no block of nothing, though.
      max: condition === undefined ? 5 * MIB : 0,
      put: (intent, payload, call) =>
        use(call, async (blob) => {
          const bytes = await payload.bytes()
          const { etag } = await blob.upload(bytes, bytes.length, {
            abortSignal: call.signal,
            ...properties(intent),
          })
          return result(etag)
        }),
    },
    // Staging creates the blob's list of blocks by itself: a session is nothing but a name for its blocks.
    begin: async () => ({ blob: key, prefix: newPrefix() }),
    adopt: (session) => {
      const adopted = { blob: sessionText(session, 'blob'), prefix: sessionText(session, 'prefix') }
      if (adopted.blob !== key) throw wrongPlace('blob', adopted.blob, key)
      if (isPrefix(adopted.prefix)) return adopted
      throw new FilesError('SessionGone', 'the session token names no block prefix')
    },
    probe: async ({ prefix }, intent, _body, call): Promise<PartsState> => {
      const found = await lists(call)
      const ours = (blocks: readonly { readonly name: string; readonly size: number }[] | undefined) =>
        (blocks ?? []).flatMap(({ name, size }): PartReceipt[] => {
          const number = blockNumber(prefix, name)
          return number === undefined ? [] : [{ number, size }]
        })
      const committed = ours(found?.committedBlocks).reduce((sum, { size }) => sum + size, 0)
      if (committed > 0 && committed === intent.size)
        return { state: 'complete', result: result(found?.etag) }
      return { state: 'open', parts: ours(found?.uncommittedBlocks) }
    },
    send: (session, number, payload, call) =>
      use(call, async (blob) => {
        const { body, sums } = await checked(payload)
        await blob.stageBlock(blockName(session.prefix, number), body, payload.size, {
          abortSignal: call.signal,
          onProgress: () => call.touch(),
          ...sums,
        })
        return { number, size: payload.size }
      }),
    complete: ({ prefix }, intent, parts, _digest, call) =>
      use(call, async (blob) => {
        const names = parts.map(({ number }) => blockName(prefix, number))
        const { etag } = await blob.commitBlockList(names, {
          abortSignal: call.signal,
          ...properties(intent),
        })
        return result(etag)
      }),
    discard: async ({ prefix }, call) => {
      await discardStaged(prefix, call)
      // A block that was on its way when it was cut can still be staged: it is looked for once more.
      await sleep(LATE, call.signal)
      await discardStaged(prefix, call)
    },
    refresh,
  }
}

function properties({ contentType, cacheControl, metadata, condition }: UploadIntent) {
  return {
    blobHTTPHeaders: {
      blobContentType: contentType,
      ...(cacheControl === undefined ? {} : { blobCacheControl: cacheControl }),
    },
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, headerValue(value)])),
    ...(condition === undefined
      ? {}
      : { conditions: condition.type === 'create' ? { ifNoneMatch: '*' } : { ifMatch: condition.etag } }),
  }
}

function result(etag: string | undefined): ProviderResult {
  return etag === undefined ? {} : { etag }
}

function canReadStreams(): boolean {
  return globalThis.process?.getBuiltinModule?.('node:stream') !== undefined
}

/** A block's body and its MD5, where there is a native one: the service compares it. Large blocks are streamed. */
async function checked(payload: Payload) {
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto')
  const hash = crypto?.createHash('md5')
  const sum = () => (hash ? { transactionalContentMD5: new Uint8Array(hash.digest()) } : {})
  if (payload.size <= WHOLE) {
    const body = await payload.bytes()
    hash?.update(body)
    return { body, sums: sum() }
  }
  for await (const block of (await payload.sums()).read()) hash?.update(block)
  const { Readable } = globalThis.process.getBuiltinModule('node:stream')
  return { body: Readable.from(payload.blocks(), { objectMode: false }), sums: sum() }
}
