/** The tokens of a server with these settings, for the server and for tools beside it. */
import type { Config } from '../config.ts'
import { existingSecret, secretIn } from './secret.ts'
import { type Tokens, tokensFrom } from './tokens.ts'

type TokenSettings = Pick<Config, 'data' | 'jwtSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'>

/** Makes the secret if the data folder has none yet. */
export async function configuredTokens(config: TokenSettings): Promise<Tokens> {
  return tokensWith(config, () => secretIn(config.data))
}

/** Makes nothing: a secret in a mistyped folder would sign keys that no server accepts. @throws Error */
export async function tokensOf(config: TokenSettings): Promise<Tokens> {
  return tokensWith(config, async () => {
    const secret = await existingSecret(config.data)
    if (secret !== undefined) return secret
    throw new Error(`no server has run on ${config.data} yet: start it once, or set PAWL_JWT_SECRET`)
  })
}

async function tokensWith(config: TokenSettings, stored: () => Promise<Uint8Array>): Promise<Tokens> {
  const { jwtSecret, jwksUrl, jwtIssuer, jwtAudience } = config
  const secret = jwtSecret === undefined ? await stored() : Buffer.from(jwtSecret)
  return tokensFrom({ secret, jwksUrl, issuer: jwtIssuer, audience: jwtAudience })
}
