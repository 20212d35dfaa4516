/**
 * Reads columns of a row with their types checked: a row is read with every look at an upload, which leaves no
 * time for a schema library. What makes no sense is an error, not a guess.
 */
import { CatalogError } from './catalog.ts'

export type SqlValue = string | number | null
export type Row = Readonly<Record<string, unknown>>

/** @throws CatalogError `damaged`, as all of these do */
export function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : senseless(column)
}

export function integer(row: Row, column: string): number {
  const value = row[column]
  return typeof value === 'number' ? value : senseless(column)
}

/** Undefined for NULL. */
export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column)
}

/** Undefined for NULL. */
export function optionalInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column)
}

export function oneOf<T extends string>(row: Row, column: string, values: readonly T[]): T {
  const value = row[column]
  return values.find((known) => known === value) ?? senseless(column)
}

export function senseless(what: string, cause?: unknown): never {
  throw new CatalogError(
    'damaged',
    `a row of the catalog makes no sense (${what}): restore it from a backup`,
    cause,
  )
}
