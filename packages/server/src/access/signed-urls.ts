/**
 * Tokens that let whoever has them upload to one path or read one object. Their keys are derived from the
 * secret apart from each other and from that of session tokens, so that none passes for another.
 */
import { createHash, hkdfSync } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Principal } from './principal.ts'

/** How long a signed upload URL can be used to begin an upload. */
export const UPLOAD_SECONDS = 2 * 60 * 60

interface Place {
  readonly bucket: string
  readonly key: string
}

export interface UploadGrant extends Place {
  /** Who signed: what they may do is what the upload may do. */
  readonly owner: Principal
  /** Whether it may take the place of an object. */
  readonly upsert: boolean
}

export interface SignedUrls {
  signUpload(grant: UploadGrant): Promise<string>
  /** @throws SignatureError */
  verifyUpload(token: string): Promise<UploadGrant>
  /** @param seconds - from now until it expires */
  signDownload(place: Place, seconds: number): Promise<string>
  /** @throws SignatureError unless the token is for this very object */
  verifyDownload(token: string, place: Place): Promise<void>
  /** @param seconds - from now until it expires */
  signMedia(grant: MediaGrant, seconds: number): Promise<string>
  /** @throws SignatureError unless the token is for this file, and this asset of it */
  verifyMedia(token: string, file: string, asset: string): Promise<MediaVerdict>
}

/** What a download URL of a media file allows. */
interface MediaGrant {
  readonly file: string
  /** `src` for the file itself. */
  readonly asset: string
  /** The name to save it under; undefined to show it. */
  readonly saveAs: string | undefined
  /** Where to send whoever comes late. */
  readonly redirect: string | undefined
}

type MediaVerdict =
  | { readonly kind: 'valid'; readonly grant: MediaGrant }
  | { readonly kind: 'late'; readonly redirect: string | undefined }

export class SignatureError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SignatureError'
  }
}

const UploadClaims = z.object({
  url: z.string(),
  scope: z.literal('upload'),
  upsert: z.boolean(),
  role: z.enum(['anon', 'authenticated', 'service_role']),
  owner: z.string().optional(),
})
const DownloadClaims = z.object({ url: z.string(), scope: z.literal('download') })

const MediaClaims = z.object({
  file: z.string(),
  asset: z.string(),
  saveAs: z.string().optional(),
  redirect: z.string().optional(),
  scope: z.literal('media'),
})

export function signedUrlsFrom(secret: Uint8Array, now: () => number): SignedUrls {
  const key = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `pawl signed ${use} url`, 32))
  const uploadKey = key('upload')
  const downloadKey = key('download')
  const mediaKey = key('media')
  const sign = (claims: Record<string, unknown>, typ: string, signing: Uint8Array, seconds: number) => {
    const at = Math.floor(now() / 1000)
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ })
      .setIssuedAt(at)
      .setExpirationTime(at + seconds)
      .sign(signing)
  }
  /** The claims of a token, also of one that is only late. @throws SignatureError */
  const read = async <T>(
    token: string,
    typ: string,
    signing: Uint8Array,
    schema: z.ZodType<T>,
  ): Promise<{ late: boolean; claims: T }> => {
    try {
      const { payload } = await jwtVerify(token, signing, {
        algorithms: ['HS256'],
        typ,
        currentDate: new Date(now()),
        requiredClaims: ['exp'],
      })
      return { late: false, claims: schema.parse(payload) }
    } catch (error) {
      // jose checks the signature before the time, so an expired token's claims are genuine.
      const claims = error instanceof errors.JWTExpired ? schema.safeParse(error.payload) : undefined
      if (claims?.success) return { late: true, claims: claims.data }
      throw new SignatureError('the signature is not valid for this')
    }
  }
  const verify = async <T>(...args: Parameters<typeof read<T>>): Promise<T> => {
    const { late, claims } = await read(...args)
    if (late) throw new SignatureError('the signature has expired: sign the URL again')
    return claims
  }
  return {
    signUpload({ bucket, key, owner, upsert }) {
      const who =
        owner.role === 'authenticated' ? { role: owner.role, owner: owner.sub } : { role: owner.role }
      const claims = { ...who, url: `${bucket}/${key}`, upsert, scope: 'upload' }
      return sign(claims, 'upload+jwt', uploadKey, UPLOAD_SECONDS)
    },
    async verifyUpload(token) {
      const { url, upsert, role, owner } = await verify(token, 'upload+jwt', uploadKey, UploadClaims)
      const slash = url.indexOf('/')
      return {
        bucket: url.slice(0, slash),
        key: url.slice(slash + 1),
        upsert,
        owner: role === 'authenticated' ? { role, sub: owner ?? '' } : { role },
      }
    },
    signDownload: ({ bucket, key }, seconds) =>
      sign({ url: `${bucket}/${key}`, scope: 'download' }, 'download+jwt', downloadKey, seconds),
    async verifyDownload(token, { bucket, key }) {
      const { url } = await verify(token, 'download+jwt', downloadKey, DownloadClaims)
      if (url !== `${bucket}/${key}`) throw new SignatureError('the signature is for another object')
    },
    signMedia: (grant, seconds) => sign({ ...grant, scope: 'media' }, 'media+jwt', mediaKey, seconds),
    async verifyMedia(token, file, asset) {
      const { late, claims } = await read(token, 'media+jwt', mediaKey, MediaClaims)
      if (claims.file !== file || claims.asset !== asset) {
        throw new SignatureError('the signature is for another file')
      }
      const { saveAs, redirect } = claims
      return late ? { kind: 'late', redirect } : { kind: 'valid', grant: { file, asset, saveAs, redirect } }
    },
  }
}

/** What the catalog keeps of a token: enough to know it again, useless to whoever reads it there. */
export function fingerprintOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
