/** A catalog made of one function that is given each operation's name and arguments. */
import type { Catalog, Synchronous } from './catalog.ts'

export type OperationName = Exclude<keyof Synchronous<Catalog>, 'close'>

/** Complete by type: an operation that is added to Catalog and left out here does not compile. */
const NAMES: Readonly<Record<OperationName, true>> = {
  pairWith: true,
  insertUpload: true,
  describeUpload: true,
  findUpload: true,
  setLength: true,
  setEnding: true,
  reserve: true,
  advance: true,
  resetDurable: true,
  setRollback: true,
  beginFinish: true,
  seal: true,
  insertFinal: true,
  publish: true,
  endUpload: true,
  unfinished: true,
  expired: true,
  forgetEnded: true,
  findObject: true,
  objects: true,
  undigested: true,
  setDigests: true,
  releasedSegments: true,
  forgetSegments: true,
  segments: true,
  adoptSegments: true,
  counts: true,
  unfinishedCounts: true,
  insertBucket: true,
  findBucket: true,
  listBuckets: true,
  updateBucket: true,
  removeBucket: true,
  removeObjects: true,
  removeSome: true,
  copyObject: true,
  moveObject: true,
  listObjects: true,
  insertGrant: true,
  findGrant: true,
  openMediaUploads: true,
  finalizeGrant: true,
  forgetGrants: true,
  insertMedia: true,
  findMedia: true,
  listMedia: true,
  updateMedia: true,
  pendingMedia: true,
  noteImport: true,
  mediaArrived: true,
  settleMedia: true,
  trashMedia: true,
  removeMedia: true,
  insertFolder: true,
  findFolders: true,
  listFolders: true,
  updateFolder: true,
  trashFolders: true,
  removeFolders: true,
  pendingEvents: true,
  eventDelivered: true,
  eventFailed: true,
  deadEvents: true,
  replayEvent: true,
  replayEvents: true,
  outboxCounts: true,
}

export type Operations = Omit<Catalog, 'close' | 'listen' | 'keepsEvents'>

export function forEveryOperation(
  call: (name: OperationName, args: readonly unknown[]) => Promise<unknown>,
): Operations {
  const entries = Object.keys(NAMES).map((name) => [
    name,
    (...args: readonly unknown[]) => call(name as OperationName, args),
  ])
  return Object.fromEntries(entries) as Operations
}
