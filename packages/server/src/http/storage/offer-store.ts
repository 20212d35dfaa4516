/** What OPTIONS says of a place where an object can be stored. */
import type { Exchange } from '../exchange.ts'
import { offerResumable } from '../resumable-http/offer.ts'
import { credentialsOf, type StorageFace } from './face.ts'
import { placeFrom } from './names.ts'

/** @param rest - what follows `/object/` */
export async function offerStore(face: StorageFace, exchange: Exchange, rest: string): Promise<void> {
  offerResumable(face.resumable, exchange, await knownLimit(face, exchange, rest))
  exchange.answer(204, { Allow: 'GET, HEAD, POST, PUT, OPTIONS' })
}

/** The bucket's own limit, to who may put something there: others do not learn whether there is a bucket. */
async function knownLimit(face: StorageFace, exchange: Exchange, rest: string): Promise<number | undefined> {
  try {
    const place = placeFrom(rest)
    const caller = await face.identify(credentialsOf(exchange))
    const bucket = await face.buckets.find(place.bucket)
    if (bucket === undefined) return undefined
    const subject = { ...place, size: undefined, type: undefined, metadata: undefined, public: bucket.public }
    return (await face.allows(caller, { ...subject, action: 'insert' })) ? bucket.fileSizeLimit : undefined
  } catch {
    return undefined
  }
}
