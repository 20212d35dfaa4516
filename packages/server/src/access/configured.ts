/** The secret and the tokens of a server with these settings, for the server and for tools beside it. */
import type { Config } from '../config.ts'
import { existingSecret, secretIn } from './secret.ts'
import { type Tokens, tokensFrom } from './tokens.ts'

type TokenSettings = Pick<Config, 'data' | 'jwtSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'>

/** Makes the secret if none is set and the data folder has none yet. */
export async function configuredSecret({ data, jwtSecret }: TokenSettings): Promise<Uint8Array> {
  return jwtSecret === undefined ? secretIn(data) : Buffer.from(jwtSecret)
}

export function configuredTokens(config: TokenSettings, secret: Uint8Array): Tokens {
  const { jwksUrl, jwtIssuer, jwtAudience } = config
  return tokensFrom({ secret, jwksUrl, issuer: jwtIssuer, audience: jwtAudience })
}

/** Makes nothing: a secret in a mistyped folder would sign keys that no server accepts. @throws Error */
export async function tokensOf(config: TokenSettings): Promise<Tokens> {
  if (config.jwtSecret !== undefined) return configuredTokens(config, Buffer.from(config.jwtSecret))
  const secret = await existingSecret(config.data)
  if (secret !== undefined) return configuredTokens(config, secret)
  throw new Error(`no server has run on ${config.data} yet: start it once, or set PAWL_JWT_SECRET`)
}
