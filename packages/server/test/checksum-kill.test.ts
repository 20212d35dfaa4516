import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { contentOf, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { begin, create, offsetOf, patch, send, sha256Of } from './wire.ts'

let pawl: Pawl | undefined
afterEach(() => pawl?.stop())

test('a kill in the middle of a checksummed request leaves none of its bytes', async () => {
  pawl = await startPawl()
  const content = contentOf('checksum-kill').bytes(0, 9 * MIB)
  const url = await create(pawl.url, content.length)
  expect((await patch(url, 0, content.subarray(0, MIB))).status).toBe(204)

  for (const signal of ['kill', 'terminate'] as const) {
    const sending = begin('PATCH', url, {
      headers: {
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': String(MIB),
        'Content-Length': String(8 * MIB),
        'Upload-Checksum': `sha1 ${createHash('sha1').update(content.subarray(MIB)).digest('base64')}`,
      },
    })
    await sending.write(content.subarray(MIB, 8 * MIB))
    await written(await fileOf(pawl.dataDir, url), 6 * MIB)
    await pawl[signal]()
    sending.request.destroy()
    await pawl.restart()
    expect(await offsetOf(url)).toBe(MIB)
  }

  const rest = await send('PATCH', url, {
    headers: {
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': String(MIB),
      'Upload-Checksum': `sha1 ${createHash('sha1').update(content.subarray(MIB)).digest('base64')}`,
    },
    body: content.subarray(MIB),
  })
  expect(rest.status).toBe(204)
  expect(await sha256Of(url)).toBe(createHash('sha256').update(content).digest('hex'))
})
