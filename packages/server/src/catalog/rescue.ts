/**
 * What is recorded while a store separates the parts that count from strays: parts that its server keeps and no
 * record names. See docs/design/s3-store.md.
 */
import { z } from 'zod'
import { optionalText, type Row, senseless } from './columns.ts'

export interface Rescue {
  /** In the order in which they were found; they only become more. */
  readonly strays: readonly StrayPart[]
  /** The multipart upload into which what counts is copied; undefined before there is one. */
  readonly into: string | undefined
}

export interface StrayPart {
  readonly number: number
  /** Bytes. */
  readonly length: number
}

const RescueJson = z.object({
  strays: z.array(z.object({ number: z.number(), length: z.number() })),
  into: z.string().optional(),
})

/** The same text for the same rescue: it is compared with the one that is recorded. */
export function rescueText(rescue: Rescue | undefined): string | null {
  if (rescue === undefined) return null
  const strays = rescue.strays.map(({ number, length }) => ({ number, length }))
  return JSON.stringify({ strays, into: rescue.into })
}

/** Of a segment's row. */
export function rescueFromRow(row: Row): Rescue | undefined {
  const json = optionalText(row, 'rescue')
  if (json === undefined) return undefined
  try {
    const { strays, into } = RescueJson.parse(JSON.parse(json))
    return { strays, into }
  } catch (error) {
    return senseless('rescue', error)
  }
}
