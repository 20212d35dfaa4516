/** Several uploads joined into one: https://tus.io/protocols/resumable-upload#concatenation */
import { formatUploadConcat } from '@pawl/protocol'
import type { Call, Lane, UploadIntent } from '../../driver.ts'
import { remove } from './remove.ts'
import type { TusSession } from './session.ts'
import type { TusWire } from './wire.ts'

type Create = (
  intent: UploadIntent,
  headers: Record<string, string>,
  body: undefined,
  call: Call,
) => Promise<{ readonly url: string }>

/** Creates an upload for each lane. */
export async function createLanes(
  wire: TusWire,
  create: Create,
  intent: UploadIntent,
  lanes: readonly Lane[],
  call: Call,
): Promise<TusSession> {
  const urls: string[] = []
  try {
    for (const { start, end } of lanes) {
      const headers = {
        'upload-concat': formatUploadConcat({ kind: 'partial' }),
        'upload-length': String(end - start),
      }
      urls.push((await create(intent, headers, undefined, call)).url)
    }
  } catch (error) {
    // Nobody will ever know of these: what was created is given back, as far as that works.
    await Promise.allSettled(urls.map((url) => remove(wire, url, call)))
    throw error
  }
  return { urls }
}

/** The header that creates the joined upload. */
export function joined({ urls: [first = '', ...rest] }: TusSession): Record<string, string> {
  return { 'upload-concat': formatUploadConcat({ kind: 'final', uploads: [first, ...rest] }) }
}
