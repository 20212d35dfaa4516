import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { crc32 } from '../../src/transfer/crc32.ts'
import { crc64nvme } from '../../src/transfer/crc64nvme.ts'
import { randomBytes, same } from '../bodies.ts'
import { startS3Emulator } from './s3-emulator.ts'

const vendor = join(import.meta.dirname, '../vendor/')
const installed = existsSync(join(vendor, 'node_modules/@aws-sdk/client-s3'))

/** As much of the SDK as is used here; its own types are not installed for everybody. */
interface Sdk {
  S3Client: new (options: object) => { send(command: object): Promise<Record<string, unknown>> }
  [command: `${string}Command`]: new (input: object) => object
}

const algorithms: [name: string, sum: (bytes: Buffer) => Buffer][] = [
  ['CRC32', (bytes) => numbered(4, (view) => view.setUint32(0, crc32(bytes)))],
  ['CRC64NVME', (bytes) => numbered(8, (view) => view.setBigUint64(0, crc64nvme(bytes)))],
]

it.runIf(installed || process.env.CI === 'true').each(algorithms)(
  "the emulator satisfies the vendor's SDK with %s, and refuses what S3 refuses",
  async (ChecksumAlgorithm, sum) => {
    const sdk: Sdk = createRequire(vendor)('@aws-sdk/client-s3')
    const server = await startS3Emulator()
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
    const client = new sdk.S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
    })
    const call = (name: `${string}Command`, input: object) => {
      const Command = sdk[name]
      if (!Command) throw new Error(name)
      return client.send(new Command({ Bucket: 'b', Key: 'k', ...input }))
    }
    const body = Buffer.from(randomBytes(6 * 2 ** 20))
    const checksum = sum(body)
    const field = `Checksum${ChecksumAlgorithm}`
    const { UploadId } = await call('CreateMultipartUploadCommand', {
      ChecksumAlgorithm,
      ChecksumType: 'FULL_OBJECT',
    })
    const Parts: object[] = []
    for (const [index, part] of [body.subarray(0, 5 * 2 ** 20), body.subarray(5 * 2 ** 20)].entries()) {
      const PartNumber = index + 1
      const { ETag } = await call('UploadPartCommand', {
        UploadId,
        PartNumber,
        Body: part,
        ChecksumAlgorithm,
      })
      Parts.push({ PartNumber, ETag })
    }
    expect((await call('ListPartsCommand', { UploadId })).Parts).toHaveLength(2)
    const complete = (input: object) =>
      call('CompleteMultipartUploadCommand', {
        UploadId,
        MultipartUpload: { Parts },
        ChecksumType: 'FULL_OBJECT',
        ...input,
      })
    const wrong = { [field]: Buffer.alloc(checksum.length).toString('base64') }
    await expect(complete(wrong)).rejects.toThrow('BadDigest')
    await expect(complete({ MpuObjectSize: 5 })).rejects.toThrow('InvalidRequest')
    const done = await complete({ [field]: checksum.toString('base64'), MpuObjectSize: body.length })
    expect(done).toMatchObject({ [field]: checksum.toString('base64') })
    expect(await call('HeadObjectCommand', { ChecksumMode: 'ENABLED' })).toMatchObject({
      [field]: checksum.toString('base64'),
    })
    expect(same(server.objects.get('k')?.bytes, body)).toBe(true)
    await expect(call('ListPartsCommand', { UploadId })).rejects.toMatchObject({ name: 'NoSuchUpload' })
    await expect(
      call('UploadPartCommand', { UploadId, PartNumber: 1, Body: 'x', ...wrong }),
    ).rejects.toMatchObject({ name: 'NoSuchUpload' })
    await server.close()
  },
)

function numbered(size: number, write: (view: DataView) => void): Buffer {
  const bytes = Buffer.alloc(size)
  write(new DataView(bytes.buffer, bytes.byteOffset, size))
  return bytes
}
