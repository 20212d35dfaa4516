import { expect, it } from 'vitest'
import * as presets from './presets.ts'
import { s3 } from './s3.ts'

const options = { bucket: 'backups', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }
const regional = { ...options, region: 'eu-1' }

/** The bucket's URL follows from the vendor's documentation. */
it.each([
  [presets.r2({ ...options, accountId: 'abc' }), 'https://abc.r2.cloudflarestorage.com/backups'],
  [presets.minio({ ...options, endpoint: 'http://10.0.0.1:9000/' }), 'http://10.0.0.1:9000/backups'],
  [presets.spaces(regional), 'https://backups.eu-1.digitaloceanspaces.com/'],
  [presets.b2(regional), 'https://backups.s3.eu-1.backblazeb2.com/'],
  [presets.wasabi(regional), 'https://backups.s3.eu-1.wasabisys.com/'],
  [presets.hetzner(regional), 'https://backups.eu-1.your-objectstorage.com/'],
  [presets.scaleway(regional), 'https://backups.s3.eu-1.scw.cloud/'],
  [presets.ovh(regional), 'https://backups.s3.eu-1.io.cloud.ovh.net/'],
  [presets.linode(regional), 'https://backups.eu-1.linodeobjects.com/'],
  [presets.vultr(regional), 'https://backups.eu-1.vultrobjects.com/'],
  [presets.exoscale(regional), 'https://backups.sos-eu-1.exo.io/'],
  [presets.idrive(regional), 'https://backups.s3.eu-1.idrivee2.com/'],
  [presets.tigris(options), 'https://backups.t3.storage.dev/'],
  [presets.storj(options), 'https://gateway.storjshare.io/backups'],
  [presets.filebase(options), 'https://backups.s3.filebase.com/'],
])('$name has its own endpoint', (adapter, place) => {
  expect(adapter.place).toBe(place)
  expect(presets).toHaveProperty(adapter.name)
})

it('asks of a service only what it knows', () => {
  const intent = {
    key: 'k',
    size: 1,
    contentType: '',
    cacheControl: undefined,
    metadata: {},
    condition: undefined,
  }
  const digestOf = (adapter: ReturnType<typeof presets.minio>) => adapter.driver(intent).digest
  expect(digestOf(presets.b2(regional))).toBeUndefined()
  expect(digestOf(presets.r2({ ...options, accountId: 'abc' }))).toBe('crc64nvme')
  expect(digestOf(presets.tigris(options))).toBe('crc32')
  const { raw } = presets.b2(regional)
  expect(raw.form).toBeUndefined()
})

it.each([
  ['bucket-1', 'https://bucket-1.s3.us-east-1.amazonaws.com/'],
  // The certificate is for one name before the service's.
  ['my.bucket', 'https://s3.us-east-1.amazonaws.com/my.bucket'],
  ['My_Bucket', 'https://s3.us-east-1.amazonaws.com/My_Bucket'],
])('finds the bucket %s at AWS', (bucket, url) => {
  expect(s3({ bucket }).raw.urlOf({ method: 'GET' })).toBe(url)
})
