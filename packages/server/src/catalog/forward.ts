/** A catalog made of one function that is given each operation's name and arguments. */
import type { Catalog, Synchronous } from './catalog.ts'

export type OperationName = Exclude<keyof Synchronous<Catalog>, 'close'>

/** Complete by type: an operation that is added to Catalog and left out here does not compile. A `read` changes nothing. */
const NAMES: Readonly<Record<OperationName, 'read' | 'write'>> = {
  pairWith: 'write',
  insertUpload: 'write',
  describeUpload: 'write',
  findUpload: 'read',
  setLength: 'write',
  setEnding: 'write',
  reserve: 'write',
  advance: 'write',
  lowerDurable: 'write',
  setRollback: 'write',
  beginFinish: 'write',
  seal: 'write',
  insertFinal: 'write',
  findFinal: 'read',
  publish: 'write',
  endUpload: 'write',
  unfinished: 'read',
  expired: 'read',
  forgetEnded: 'write',
  findObject: 'read',
  objects: 'read',
  undigested: 'read',
  setDigests: 'write',
  releasedSegments: 'read',
  forgetSegments: 'write',
  segments: 'read',
  adoptSegments: 'write',
  counts: 'read',
  unfinishedCounts: 'read',
  insertBucket: 'write',
  findBucket: 'read',
  listBuckets: 'read',
  updateBucket: 'write',
  removeBucket: 'write',
  removeObjects: 'write',
  removeSome: 'write',
  copyObject: 'write',
  moveObject: 'write',
  listObjects: 'read',
  beginPack: 'write',
  endPack: 'write',
  heldPacks: 'read',
  sparsePacks: 'read',
  packedPieces: 'read',
  movePieces: 'write',
  storedSegment: 'read',
  holdSegment: 'write',
  reserveParts: 'write',
  recordParts: 'write',
  cutParts: 'write',
  partsFrom: 'read',
  recordRescue: 'write',
  sealParts: 'write',
  insertGrant: 'write',
  findGrant: 'read',
  openMediaUploads: 'read',
  finalizeGrant: 'write',
  forgetGrants: 'write',
  insertMedia: 'write',
  findMedia: 'read',
  listMedia: 'read',
  updateMedia: 'write',
  pendingMedia: 'read',
  noteImport: 'write',
  mediaArrived: 'write',
  settleMedia: 'write',
  trashMedia: 'write',
  removeMedia: 'write',
  insertFolder: 'write',
  findFolders: 'read',
  listFolders: 'read',
  updateFolder: 'write',
  trashFolders: 'write',
  removeFolders: 'write',
  pendingEvents: 'read',
  eventDelivered: 'write',
  eventFailed: 'write',
  deadEvents: 'read',
  replayEvent: 'write',
  replayEvents: 'write',
  outboxCounts: 'read',
}

/** Whether an operation changes nothing, whatever becomes of it. */
export function isRead(name: OperationName): boolean {
  return NAMES[name] === 'read'
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
