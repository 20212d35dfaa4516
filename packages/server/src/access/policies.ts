/**
 * Who may do what with the objects of which bucket: rules, or a function, from `pawl.config.ts`. What nothing
 * allows is denied; the service role may do everything.
 */
import { z } from 'zod'
import { MEDIA_BUCKET } from '../media/media-file.ts'
import { FILES_BUCKET } from '../objects/bucket.ts'
import type { UserMetadata } from '../objects/object.ts'
import { UploadError } from '../uploads/errors.ts'
import type { Principal } from './principal.ts'

/** Whose objects another face gives to those who may have them: by their URL, or signed for one of them. */
const CAPABILITIES: ReadonlySet<string> = new Set([FILES_BUCKET, MEDIA_BUCKET])

const Action = z.enum(['select', 'insert', 'update', 'delete'])
const Role = z.enum(['anon', 'authenticated'])

/** Allows `action` to whoever fits all of what else it says. */
const Rule = z.strictObject({
  action: z.union([Action, z.array(Action).min(1)]),
  role: z.union([Role, z.array(Role).min(1)]).optional(),
  /** Without it every bucket but those of `/files/` and of media files, which have rules of their own. */
  bucket: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  /** What the key begins with; `{sub}` stands for the id of the user who asks. */
  prefix: z.string().optional(),
  /** True: public buckets only; false: private ones only. */
  public: z.boolean().optional(),
})

export const PolicyRules = z.array(Rule)

export type PolicyAction = z.infer<typeof Action>
export type PolicyRule = z.infer<typeof Rule>
type PolicyFunction = (request: PolicyRequest) => boolean | Promise<boolean>
export type Policies = readonly PolicyRule[] | PolicyFunction

export interface PolicyRequest {
  /** `select` reads and lists, `insert` makes a new object, `update` replaces or moves one. */
  readonly action: PolicyAction
  readonly role: Principal['role']
  /** The user; undefined for the anon key. */
  readonly sub: string | undefined
  readonly bucket: string
  /** The object's key; when a listing is asked for, the prefix. */
  readonly key: string
  /** Bytes, where they are known. */
  readonly size: number | undefined
  /** The content type. */
  readonly type: string | undefined
  readonly metadata: UserMetadata | undefined
}

export interface PolicySubject extends Omit<PolicyRequest, 'role' | 'sub'> {
  /** Whether the bucket is public. */
  readonly public: boolean
}

export type Allows = (principal: Principal, subject: PolicySubject) => Promise<boolean>

/** @throws (the function that is returned) UploadError `unavailable` when a policy function fails */
export function allowsBy(policies: Policies): Allows {
  return async (principal, { public: isPublic, ...subject }) => {
    if (principal.role === 'service_role') return true
    const sub = principal.role === 'authenticated' ? principal.sub : undefined
    const request = { ...subject, role: principal.role, sub }
    if (typeof policies !== 'function') return policies.some((rule) => fits(rule, request, isPublic))
    try {
      return (await policies(request)) === true
    } catch (cause) {
      // Neither yes nor no: nothing may be lost by a fault in somebody's function.
      throw new UploadError('unavailable', 'the policy could not be evaluated: try again', { cause })
    }
  }
}

function fits(
  rule: PolicyRule,
  { action, role, sub, bucket, key }: PolicyRequest,
  isPublic: boolean,
): boolean {
  return (
    includes(rule.action, action) &&
    includes(rule.role, role) &&
    (rule.bucket === undefined ? !CAPABILITIES.has(bucket) : includes(rule.bucket, bucket)) &&
    (rule.public === undefined || rule.public === isPublic) &&
    (rule.prefix === undefined || hasPrefix(key, rule.prefix, sub))
  )
}

function includes(wanted: string | readonly string[] | undefined, value: string): boolean {
  return wanted === undefined || wanted === value || (Array.isArray(wanted) && wanted.includes(value))
}

function hasPrefix(key: string, prefix: string, sub: string | undefined): boolean {
  if (!prefix.includes('{sub}')) return key.startsWith(prefix)
  // A user named "a/b" would have the folder b of the user a.
  // A function, as in a text that takes its place "$$" would be one dollar.
  return sub !== undefined && !sub.includes('/') && key.startsWith(prefix.replaceAll('{sub}', () => sub))
}
