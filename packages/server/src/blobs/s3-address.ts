/** Where a store's objects are: `s3://bucket/prefix?endpoint=…&region=…&forcePathStyle=true`. */
import { isPercentEncoded } from '../percent.ts'

export interface S3Address {
  readonly bucket: string
  /** Stands before every key: empty, or ends with a slash. */
  readonly prefix: string
  /** Of a server other than Amazon's. */
  readonly endpoint: string | undefined
  /** Undefined: as the AWS SDK finds it. */
  readonly region: string | undefined
  /** The bucket is in the path and not in the name of the host. */
  readonly forcePathStyle: boolean
}

const PARAMETERS = ['endpoint', 'region', 'forcePathStyle']

/** Why `text` is no address, as the end of "…, but must be …"; or the address. */
export function parseS3Address(text: string): S3Address | { readonly mustBe: string } {
  const mustBe = 's3://bucket/prefix?endpoint=…&region=…&forcePathStyle=true'
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 's3:' || url.hash !== '') return { mustBe }
  if (url.username !== '' || url.password !== '')
    return {
      mustBe: `${mustBe} without credentials: they come from the environment, as the AWS SDK finds them`,
    }
  // The name of a host can have a port, a bucket cannot.
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host))
    return { mustBe: `${mustBe} with a bucket's name` }
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) return { mustBe: `${mustBe} and has no ${name}` }
  }
  const endpoint = url.searchParams.get('endpoint') ?? undefined
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)))
    return { mustBe: `${mustBe}, where endpoint begins with http:// or https://` }
  const style = url.searchParams.get('forcePathStyle') ?? 'false'
  if (style !== 'true' && style !== 'false')
    return { mustBe: `${mustBe}, where forcePathStyle is true or false` }
  if (!isPercentEncoded(url.pathname)) return { mustBe: `${mustBe}, where % itself is %25` }
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  return {
    bucket: url.host,
    prefix: path === '' ? '' : `${path}/`,
    endpoint,
    region: url.searchParams.get('region') || undefined,
    forcePathStyle: style === 'true',
  }
}
