/** Reads and makes the JWTs that say who a caller is. */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Principal } from './principal.ts'

export interface TokenOptions {
  /** HS256 key. */
  readonly secret: Uint8Array
  /** RS256, ES256 and EdDSA keys of another issuer. */
  readonly jwksUrl: string | undefined
  readonly issuer: string | undefined
  readonly audience: string | undefined
}

type TokenVerdict =
  | { readonly kind: 'valid'; readonly principal: Principal }
  /** Right in everything but its time; `principal` is who it was, `expiredAt` milliseconds since 1970. */
  | { readonly kind: 'expired'; readonly principal: Principal; readonly expiredAt: number }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The keys that would tell are out of reach: nobody's fault who sent the token. */
  | { readonly kind: 'undecided' }

export interface Tokens {
  verify(token: string): Promise<TokenVerdict>
  /** A key for everyone (`anon`) or for the operator (`service_role`): the same each time it is made. */
  apiKey(role: 'anon' | 'service_role'): Promise<string>
  /** A token for one caller. @param lifetime Seconds from now. */
  sign(principal: Principal, lifetime: number): Promise<string>
}

const Claims = z.union([
  z.object({ role: z.literal('authenticated'), sub: z.string().min(1).max(255) }),
  z.object({ role: z.literal('anon') }),
  z.object({ role: z.literal('service_role') }),
])

const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA']

export function tokensFrom(options: TokenOptions): Tokens {
  const { secret, jwksUrl, issuer, audience } = options
  const remote = jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl))
  const keyOf: JWTVerifyGetKey = (header, token) => {
    if (header.alg === 'HS256') return secret
    if (remote !== undefined) return remote(header, token).catch(keyTrouble)
    throw new errors.JOSEAlgNotAllowed('only HS256 is accepted here')
  }
  const demands = {
    algorithms: remote === undefined ? ['HS256'] : ['HS256', ...ASYMMETRIC],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  }
  const own = (claims: JWTPayload): SignJWT => {
    const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    if (issuer !== undefined) token.setIssuer(issuer)
    if (audience !== undefined) token.setAudience(audience)
    return token
  }
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keyOf, demands)
        return judged(payload, (principal) => ({ kind: 'valid', principal }))
      } catch (error) {
        // jose checks the signature before the time, so an expired token's claims are genuine.
        if (error instanceof errors.JWTExpired) {
          const expiredAt = Number(error.payload.exp) * 1000
          return judged(error.payload, (principal) => ({ kind: 'expired', principal, expiredAt }))
        }
        if (error instanceof KeysUnreachable) return { kind: 'undecided' }
        return { kind: 'invalid', reason: error instanceof Error ? error.message : 'not a token' }
      }
    },
    apiKey: (role) => own({ role }).sign(secret),
    sign: (principal, lifetime) => {
      const now = Math.floor(Date.now() / 1000)
      return own({ ...principal })
        .setIssuedAt(now)
        .setExpirationTime(now + lifetime)
        .sign(secret)
    },
  }
}

class KeysUnreachable extends Error {}

/** A key set that was read and has no such key says no; anything else says nothing about the token. */
function keyTrouble(error: unknown): never {
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    throw error
  throw new KeysUnreachable('the key set cannot be read', { cause: error })
}

function judged(payload: JWTPayload, verdict: (principal: Principal) => TokenVerdict): TokenVerdict {
  const claims = Claims.safeParse(payload)
  return claims.success
    ? verdict(claims.data)
    : { kind: 'invalid', reason: 'the token has no role that is known here' }
}
