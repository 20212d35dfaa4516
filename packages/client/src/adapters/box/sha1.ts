/** SHA-1 of pieces, as Box has it for everything. */
import { encodeBase64 } from '@pawl/protocol'
import type { BodyReader, Call, Payload } from '../../driver.ts'
import { WHOLE } from '../../transfer/block.ts'
import { hasherOf } from '../../transfer/hashers.ts'
import { held } from '../../transfer/held.ts'
import { runningDigest } from '../../transfer/running.ts'
import { sha1 } from '../../transfer/sha1.ts'

/** A piece that can be sent, and its SHA-1, which goes before it. That of the whole body is told of it too. */
export async function hashed(payload: Payload): Promise<{ body: Payload; sum: Uint8Array }> {
  const hasher = hasherOf('sha') ?? sha1()
  const sums = await payload.sums()
  const whole = await sums.whole('sha')
  let at = payload.start
  const add = (bytes: Uint8Array) => {
    hasher.update(bytes)
    whole?.add(at, bytes)
    at += bytes.length
  }
  if (payload.size > WHOLE) {
    for await (const block of sums.read()) add(block)
    return { body: payload, sum: hasher.digest() }
  }
  const { bytes, body } = await held(payload)
  add(await bytes())
  return { body, sum: hasher.digest() }
}

/** That of a stretch of the body, in base64. */
export async function sumOf(
  body: BodyReader,
  start: number,
  size: number,
  call: Call,
): Promise<string | undefined> {
  const stretch = { size, read: (from: number, to: number) => body.read(start + from, start + to) }
  return (await runningDigest(stretch, 'sha')?.finish(call))?.value
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A SHA-1 as Box writes it, in base64. */
export function base64Of(hex: unknown): string {
  const bytes = String(hex).match(/[\da-f]{2}/gi) ?? []
  return encodeBase64(Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)))
}
