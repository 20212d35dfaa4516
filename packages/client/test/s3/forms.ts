/** Signed forms: the server itself refuses what their policy does not allow. */

import type { S3Server } from '@pawl/emulators/s3-server'
import { beforeAll, expect, it } from 'vitest'
import { s3 } from '../../src/adapters/s3/s3.ts'
import { Files } from '../../src/files.ts'
import type { SignUploadOptions } from '../../src/options.ts'

const quiet = { signal: new AbortController().signal, touch: () => {} }

export function forms(server: () => S3Server): void {
  let files: Files
  beforeAll(async () => {
    const adapter = s3({ bucket: 'forms', ...server() })
    await adapter.raw.expect('making the bucket', { method: 'PUT' }, quiet)
    files = new Files({ adapter })
  })

  async function send(
    key: string,
    size: number,
    options: SignUploadOptions,
    changed: Record<string, string> = {},
  ) {
    const signed = await files.signedUploadUrl(key, options)
    if (signed.method !== 'POST') throw new Error('no form')
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...signed.fields, ...changed })) form.append(name, value)
    form.append('file', new Blob([new Uint8Array(size).fill(7)]), 'anything.bin')
    return (await fetch(signed.url, { method: 'POST', body: form })).status
  }
  const sized = { expiresIn: 60, minSize: 10, maxSize: 1000, contentType: 'image/png' }

  it('uploads what is within the size', async () => {
    expect(await send('in ö/a.png', 1000, sized)).toBe(204)
    expect(await files.head('in ö/a.png')).toMatchObject({ size: 1000, type: 'image/png' })
  })

  it.each([
    ['more', 1001, {}],
    ['less', 9, {}],
    ['under another key', 100, { key: 'elsewhere.png' }],
    ['as another type', 100, { 'Content-Type': 'text/html' }],
    ['after a change of the signature', 100, { 'x-amz-signature': '0'.repeat(64) }],
  ])('uploads nothing %s', async (name, size, changed) => {
    expect(await send(`${name}.png`, size, sized, changed)).toBeGreaterThanOrEqual(400)
    expect(await files.exists([`${name}.png`, 'elsewhere.png'])).toMatchObject({ existing: [] })
  })

  it('uploads nothing when its time is over', async () => {
    expect(await send('late.png', 100, { ...sized, expiresIn: -5 })).toBeGreaterThanOrEqual(400)
  })
}
