import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { type Azurite, hasAzurite, startAzurite } from '../../../test/servers/azurite.ts'
import { UploadControl } from '../../control.ts'
import { FilesError } from '../../errors.ts'
import { Files } from '../../files.ts'
import { azure } from './azure.ts'
import { blockName, blockNumber, newPrefix } from './blocks.ts'

const MIB = 2 ** 20

async function worldOf({ connectionString }: Azurite, container: string): Promise<World> {
  const adapter = () => azure({ container, connectionString })
  const client = await adapter().raw()
  await client.createIfNotExists()
  const signal = new AbortController().signal
  return {
    adapter,
    read: async (key) => {
      try {
        const file = await adapter().download?.(key, undefined, { signal })
        return file && new Uint8Array(await file.arrayBuffer())
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return undefined
        throw error
      }
    },
    openSessions: async () => {
      let count = 0
      for await (const { name } of client.listBlobsFlat({ includeUncommitedBlobs: true })) {
        const { uncommittedBlocks = [] } = await client.getBlockBlobClient(name).getBlockList('uncommitted')
        if (uncommittedBlocks.length > 0) count++
      }
      return count
    },
    partSize: MIB,
  }
}

it('names blocks with one length and knows only its own', () => {
  const [ours, theirs] = [newPrefix(), newPrefix()]
  expect(blockName(ours, 1).length).toBe(blockName(theirs, 50_000).length)
  expect(blockNumber(ours, blockName(ours, 50_000))).toBe(50_000)
  expect(blockNumber(ours, blockName(theirs, 1))).toBeUndefined()
  expect(blockNumber(ours, 'bm90aGluZw==')).toBeUndefined()
})

describe.runIf(hasAzurite())('azure on Azurite', () => {
  let server: Azurite
  beforeAll(async () => {
    server = await startAzurite()
  }, 60_000)
  afterAll(() => server?.close())
  scenarios('azure', () => worldOf(server, 'scenarios'))
  operations('azure', () => worldOf(server, 'operations'))

  it('keeps two uploads to one blob apart', async () => {
    const world = await worldOf(server, 'apart')
    const files = new Files({ adapter: world.adapter() })
    const [one, two] = [randomBytes(7 * MIB, 1), randomBytes(7 * MIB, 2)]
    const control = new UploadControl()
    const stop = new AbortController()
    const multipart = { partSize: MIB, concurrency: 1 }
    await files
      .upload('a', one, {
        control,
        multipart,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 2 * MIB && stop.abort(),
      })
      .catch(() => {})
    await files.upload('a', two, { multipart })
    expect(same(await world.read('a', undefined), two)).toBe(true)
    await files.upload('a', one, { control: UploadControl.from(JSON.stringify(control)), multipart })
    expect(same(await world.read('a', undefined), one)).toBe(true)
  })
})
