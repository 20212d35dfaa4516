/** What comes from outside, parsed once. */
import type { z } from 'zod'

/** A request that makes no sense; the message says which part and why. */
class BadRequest extends Error {
  readonly statusCode = 400
}

/** @throws BadRequest, which is answered with 400 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new BadRequest(`${issue?.path.join('.') || 'the request'}: ${issue?.message ?? 'makes no sense'}`)
}
