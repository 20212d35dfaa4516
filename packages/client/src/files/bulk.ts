/** The array forms: many calls, a few at a time, failures collected or stopped at. */
import { FilesError } from '../errors.ts'
import { numeric } from '../numeric.ts'
import type { BulkError, BulkOptions } from '../options.ts'

const CONCURRENCY = 8

export interface BulkOutcome<Item, Value> {
  readonly done: { readonly item: Item; readonly value: Value }[]
  readonly errors: BulkError[]
}

/** Results and failures keep the order of the items. */
export async function bulk<Item, Value>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { concurrency = CONCURRENCY, stopOnError = false }: BulkOptions,
  call: (item: Item) => Promise<Value>,
): Promise<BulkOutcome<Item, Value>> {
  const done: { readonly index: number; readonly item: Item; readonly value: Value }[] = []
  const errors: (BulkError & { readonly index: number })[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) {
      try {
        done.push({ index, item, value: await call(item) })
      } catch (thrown) {
        errors.push({ index, key: keyOf(item), error: FilesError.wrap(thrown) })
        if (stopOnError) return
      }
    }
  }
  const workers = stopOnError ? 1 : Math.max(1, Math.min(numeric('concurrency', concurrency), items.length))
  await Promise.all(Array.from({ length: workers }, worker))
  const inOrder = (a: { readonly index: number }, b: { readonly index: number }) => a.index - b.index
  return {
    done: done.sort(inOrder).map(({ item, value }) => ({ item, value })),
    errors: errors.sort(inOrder).map(({ key, error }) => ({ key, error })),
  }
}

/** `errors` is left out when there are none. */
export function withErrors<Result extends object>(
  result: Result,
  errors: BulkError[],
): Result & { readonly errors?: BulkError[] } {
  return errors.length === 0 ? result : { ...result, errors }
}
