/**
 * Services that speak S3, as a table of endpoints. They differ in nothing else but what the table says.
 * Endpoints are those of the vendors' documentation.
 */
import type { Adapter } from '../../adapter.ts'
import type { S3Options } from './options.ts'
import { s3 } from './s3.ts'
import type { S3Wire } from './wire.ts'

type Rest = Omit<S3Options, 'endpoint' | 'name'>
type Regional = Rest & { readonly region: string }

/** A service whose endpoint follows from its region. */
function regional(name: string, endpoint: (region: string) => string, fixed: Partial<S3Options> = {}) {
  return (options: Regional): Adapter<S3Wire> =>
    s3({ forcePathStyle: false, ...fixed, ...options, name, endpoint: endpoint(options.region) })
}

/** A service with one endpoint for everybody. */
function global(name: string, endpoint: string, fixed: Partial<S3Options> = {}) {
  return (options: Rest): Adapter<S3Wire> =>
    s3({ forcePathStyle: false, ...fixed, ...options, name, endpoint })
}

/**
 * Cloudflare R2. Parts must be of equal size, which they always are here. It takes no forms, and knows of checksums
 * over whole objects CRC-64/NVME only.
 */
export function r2({ accountId, ...options }: Rest & { readonly accountId: string }): Adapter<S3Wire> {
  return s3({
    region: 'auto',
    forms: false,
    checksum: 'crc64nvme',
    ...options,
    name: 'r2',
    endpoint: `https://${accountId}.r2.cloudflarestorage.com`,
  })
}

/** MinIO, on a server of one's own. */
export function minio(options: Rest & { readonly endpoint: string }): Adapter<S3Wire> {
  return s3({ ...options, name: 'minio' })
}

export const spaces = regional('spaces', (region) => `https://${region}.digitaloceanspaces.com`)
/** Backblaze B2. It refuses checksum headers, and takes no forms. */
export const b2 = regional('b2', (region) => `https://s3.${region}.backblazeb2.com`, {
  checksum: 'off',
  forms: false,
})
export const wasabi = regional('wasabi', (region) => `https://s3.${region}.wasabisys.com`)
export const hetzner = regional('hetzner', (region) => `https://${region}.your-objectstorage.com`)
export const scaleway = regional('scaleway', (region) => `https://s3.${region}.scw.cloud`)
export const ovh = regional('ovh', (region) => `https://s3.${region}.io.cloud.ovh.net`)
export const linode = regional('linode', (region) => `https://${region}.linodeobjects.com`)
export const vultr = regional('vultr', (region) => `https://${region}.vultrobjects.com`)
export const exoscale = regional('exoscale', (region) => `https://sos-${region}.exo.io`)
export const idrive = regional('idrive', (region) => `https://s3.${region}.idrivee2.com`)
export const tigris = global('tigris', 'https://t3.storage.dev', { region: 'auto' })
export const storj = global('storj', 'https://gateway.storjshare.io', { forcePathStyle: true })
export const filebase = global('filebase', 'https://s3.filebase.com')
