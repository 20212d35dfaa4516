/** What comes from outside, parsed once. */
import type { z } from 'zod'

/** A request that is refused; the message says why. */
export class Refusal extends Error {
  readonly statusCode: number

  /** @param statusCode - 400 to 499 */
  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** @throws Refusal 400, which names the part that makes no sense and says why */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Refusal(400, `${issue?.path.join('.') || 'the request'}: ${issue?.message ?? 'makes no sense'}`)
}
