/** Reads what a client sent by a schema, or says what is wrong with it. */
import type { z } from 'zod'

/**
 * @param refuse - makes the face's error of a field's name and what is wrong with it
 * @throws what `refuse` makes
 */
export function readInput<T>(
  schema: z.ZodType<T> | undefined,
  value: unknown,
  refuse: (field: string, problem: string) => Error,
): T {
  if (schema === undefined) return undefined as T
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw refuse(issue?.path.join('.') ?? '', issue?.message ?? 'is not valid')
}
