import { expect, it } from 'vitest'
import { UploadControl } from '../control.ts'
import { Files } from '../files.ts'
import { resumableHttp } from './resumable-http/resumable-http.ts'
import { tus } from './tus/tus.ts'

it.each([
  ['tus', tus],
  ['resumable-http', resumableHttp],
] as const)('%s refuses an endpoint that is no URL here, in plain words and for good', async (_, adapter) => {
  for (const endpoint of ['/files/', 'http://']) {
    const files = new Files({ adapter: adapter({ endpoint }) })
    await expect(files.upload('key', 'x', { control: new UploadControl() })).rejects.toMatchObject({
      code: 'NotSupported',
      retryable: false,
      message: `${JSON.stringify(endpoint)} is not a whole URL`,
    })
  }
})
