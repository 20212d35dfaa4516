/** Conditions of uploads in parts: not every service that honours those of one request honours these. */

import type { S3Server } from '@pawl/emulators/s3-server'
import { beforeAll, expect, it } from 'vitest'
import { s3 } from '../../src/adapters/s3/s3.ts'
import { Files } from '../../src/files.ts'
import { randomBytes, same } from '../bodies.ts'

const MIB = 2 ** 20
const quiet = { signal: new AbortController().signal, touch: () => {} }

export function conditions(server: () => S3Server): void {
  let files: Files
  const [one, two] = [randomBytes(6 * MIB, 1), randomBytes(6 * MIB, 2)]
  beforeAll(async () => {
    const adapter = s3({ bucket: 'conditions', ...server() })
    await adapter.raw.expect('making the bucket', { method: 'PUT' }, quiet)
    files = new Files({ adapter })
  })
  const multipart = { partSize: 5 * MIB }
  const holds = async (body: Uint8Array) =>
    same(new Uint8Array(await (await files.download('a')).arrayBuffer()), body)

  it('overwrite nothing, and only the version that was meant', async () => {
    const create = { multipart, condition: { type: 'create' } } as const
    await files.upload('a', one, create)
    await expect(files.upload('a', two, create)).rejects.toMatchObject({ code: 'Conflict' })
    expect(await holds(one)).toBe(true)
    const { etag = '' } = await files.head('a')
    const replace = (etag: string) => ({ multipart, condition: { type: 'replace', etag } }) as const
    const other = files.upload('a', two, replace('"0123456789abcdef0123456789abcdef"'))
    await expect(other).rejects.toMatchObject({ code: 'Conflict' })
    expect(await holds(one)).toBe(true)
    await files.upload('a', two, replace(etag))
    expect(await holds(two)).toBe(true)
    await expect(files.upload('nothing', two, replace(etag))).rejects.toMatchObject({ code: 'Conflict' })
    expect(await files.exists('nothing')).toBe(false)
  })
}
