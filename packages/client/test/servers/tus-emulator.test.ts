import { Upload } from 'tus-js-client'
import { expect, it } from 'vitest'
import { randomBytes, same } from '../bodies.ts'
import { startTusEmulator } from './tus-emulator.ts'

it.each([1, 3])('the emulator satisfies tus-js-client, with %d parallel uploads', async (parallelUploads) => {
  const server = await startTusEmulator()
  const body = randomBytes(3 * 2 ** 20 + 5)
  const url = await new Promise<string>((resolve, reject) => {
    const upload = new Upload(Buffer.from(body), {
      endpoint: server.endpoint,
      parallelUploads,
      chunkSize: 2 ** 19,
      metadata: { filename: 'a.bin' },
      onSuccess: () => resolve(upload.url ?? ''),
      onError: reject,
    })
    upload.start()
  })
  expect(same(server.read(url), body)).toBe(true)
  await server.close()
})
