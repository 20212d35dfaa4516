/** For what only the operator may see. */
import type { Tokens } from './tokens.ts'

/** Whether a request's `Authorization` carries a valid token of the service role. */
export async function isService(tokens: Tokens, authorization: string | undefined): Promise<boolean> {
  const token = /^Bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return false
  const verdict = await tokens.verify(token)
  return verdict.kind === 'valid' && verdict.principal.role === 'service_role'
}
