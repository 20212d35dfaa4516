/** Media files as the media face sees them. Every method throws UploadError `unavailable` without its catalog. */
import type { Principal } from '../access/principal.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { FinalizeResult, FolderChanges, MediaChanges } from '../catalog/media-records.ts'
import type { Objects } from '../objects/objects.ts'
import { asUploadError, reach } from '../uploads/engine.ts'
import { UploadError } from '../uploads/errors.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import type { Uploads } from '../uploads/uploads.ts'
import type { ImportProgress } from './descriptor.ts'
import type { AddressRules } from './import/addresses.ts'
import { Importer, type ImportLimits } from './import/importer.ts'
import {
  type GrantRecord,
  type MediaFile,
  type MediaFolder,
  type MediaTerms,
  newMediaId,
  UNSEEN,
} from './media-file.ts'
import { Processing } from './processing.ts'
import { newToken, tokenFingerprint } from './token.ts'

export interface MediaOptions {
  readonly catalog: Catalog
  readonly objects: Objects
  readonly uploads: Uploads
  readonly now: () => number
  /** What stands before the path of URLs in events: empty, or the public URL. */
  readonly base: string
  /** Where imports may come from. */
  readonly rules: AddressRules
  readonly importLimits?: ImportLimits | undefined
  /** Tokens one owner may have open. */
  readonly maxOpen: number
  readonly onError: (error: unknown) => void
}

type GrantWish = MediaTerms & Pick<GrantRecord, 'kind' | 'owner' | 'name' | 'size'>

type ImportWish = MediaTerms & {
  readonly owner: Principal
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What changes nothing but a record: straight to the catalog. */
type Records = Pick<Catalog, 'listMedia' | 'findFolders' | 'listFolders'>

export interface Media extends Records {
  find(id: string): Promise<MediaFile | undefined>
  findSeveral(ids: readonly string[]): Promise<MediaFile[]>
  /** A token, and until when an upload may begin with it. @throws UploadError `too-many-open` */
  grant(wish: GrantWish): Promise<{ readonly token: string; readonly grant: GrantRecord }>
  /** Undefined for a token that is not known, or that may begin no upload any more. */
  grantOf(token: string): Promise<GrantRecord | undefined>
  /** Ends uploads of a token that are open: the next one takes their place. @throws UploadError `busy` */
  replaceUploads(grant: GrantRecord): Promise<void>
  /** Makes a file of what a token was used for, and has it looked at. */
  finalize(token: string, name: string | undefined): Promise<FinalizeResult>
  /** A file that is fetched from now on. */
  importFrom(wish: ImportWish): Promise<MediaFile>
  progressOf(id: string): ImportProgress | undefined
  /** The file once it is READY or FAILED, or as it is after `ms`. */
  settled(file: MediaFile, ms: number): Promise<MediaFile>
  /** Undefined when there is no such file, or the folder is none. */
  update(id: string, changes: MediaChanges): Promise<MediaFile | undefined>
  /** Moves files into the trash or out of it. */
  trash(ids: readonly string[], deleted: boolean): Promise<void>
  /** Removes files with their bytes, in the trash or not. */
  remove(ids: readonly string[]): Promise<void>
  /** Undefined when the parent is no folder. */
  addFolder(name: string, parent: string): Promise<MediaFolder | undefined>
  /** `missing` when there is none, or no such parent; `cycle` when it would lie in itself. */
  updateFolder(id: string, changes: FolderChanges): Promise<MediaFolder | 'missing' | 'cycle'>
  /** Moves folders with everything below them into the trash or out of it. */
  trashFolders(ids: readonly string[], deleted: boolean): Promise<void>
  /** Removes folders and everything below them, a batch at a time. */
  removeFolders(ids: readonly string[]): Promise<void>
}

export interface RunningMedia {
  readonly media: Media
  close(): Promise<void>
}

const SWEEP_MS = 60_000
const BATCH = 100

export async function startMedia(options: MediaOptions): Promise<RunningMedia> {
  const { catalog, uploads, now, maxOpen, onError } = options
  const processing = new Processing({ ...options, onError: (_id, error) => onError(error) })
  const importer = new Importer({
    ...options,
    ...(options.importLimits === undefined ? {} : { limits: options.importLimits }),
    onArrived: (id) => processing.add(id),
    onFailed: (id) => processing.settlements.settled(id),
    onError: (_id, error) => onError(error),
  })
  await processing.takeUp()
  await importer.takeUp()
  const sweep = async (): Promise<void> => {
    const at = now()
    while ((await catalog.forgetGrants(at - uploads.limits.ttl, BATCH, at)) === BATCH) {}
  }
  let sweeping = Promise.resolve()
  const timer = setInterval(
    () => {
      sweeping = sweeping.then(sweep).catch(onError)
    },
    Math.min(SWEEP_MS, Math.max(1000, uploads.limits.ttl / 10)),
  ).unref()

  const find = async (id: string): Promise<MediaFile | undefined> => (await findSeveral([id]))[0]
  const findSeveral = (ids: readonly string[]): Promise<MediaFile[]> => reach(() => catalog.findMedia(ids))
  const media: Media = {
    find,
    findSeveral,
    listMedia: (request) => reach(() => catalog.listMedia(request)),
    findFolders: (ids) => reach(() => catalog.findFolders(ids)),
    listFolders: (request) => reach(() => catalog.listFolders(request)),
    update: (id, changes) => reach(() => catalog.updateMedia(id, changes, now())),
    trash: async (ids, deleted) => void (await reach(() => catalog.trashMedia(ids, deleted, now()))),
    async remove(ids) {
      const files = await findSeveral(ids)
      await reach(() => catalog.removeMedia(ids, now()))
      for (const { importing } of files) {
        // It would fetch the rest for nobody. Where it cannot be ended, it finds at its own end that its file is gone.
        if (importing?.upload !== undefined)
          await uploads.cancel(importing.upload, () => true).catch(() => {})
      }
    },
    async addFolder(name, parent) {
      const at = now()
      const folder = { id: newMediaId(), name, parent, deleted: false, createdAt: at, updatedAt: at }
      return (await reach(() => catalog.insertFolder(folder))) ? folder : undefined
    },
    updateFolder: (id, changes) => reach(() => catalog.updateFolder(id, changes, now())),
    trashFolders: async (ids, deleted) => void (await reach(() => catalog.trashFolders(ids, deleted, now()))),
    async removeFolders(ids) {
      while (!(await reach(() => catalog.removeFolders(ids, BATCH, now())))) {}
    },

    async grant(wish) {
      const token = newToken()
      const grant: GrantRecord = {
        ...wish,
        fingerprint: tokenFingerprint(token),
        file: newMediaId(),
        expiresAt: now() + uploads.limits.ttl,
        used: false,
      }
      if (await reach(() => catalog.insertGrant(grant, maxOpen))) return { token, grant }
      throw new UploadError('too-many-open', `${maxOpen} upload URLs are open already`)
    },

    async grantOf(token) {
      const grant = await reach(() => catalog.findGrant(tokenFingerprint(token)))
      return grant !== undefined && (grant.used || grant.expiresAt > now()) ? grant : undefined
    },

    async replaceUploads({ file, fingerprint }) {
      for (const { id } of await reach(() => catalog.openMediaUploads(file))) {
        const permit = (upload: UploadRecord): boolean => upload.capability === fingerprint
        await uploads.cancel(id, permit).catch((error: unknown) => {
          // It came to an end of its own meanwhile.
          const ended = error instanceof UploadError && ['not-found', 'gone', 'complete'].includes(error.code)
          if (!ended) throw asUploadError(error)
        })
      }
    },

    async finalize(token, name) {
      const result = await reach(() => catalog.finalizeGrant(tokenFingerprint(token), name, now()))
      if (result.kind === 'finalized') processing.add(result.file.id)
      return result
    },

    async importFrom({ url, headers, path, ...wish }) {
      const at = now()
      const file: MediaFile = {
        ...wish,
        id: newMediaId(),
        sourceUrl: url,
        importing: { headers, startedAt: at, upload: undefined, validator: undefined },
        status: 'PENDING',
        deleted: false,
        createdAt: at,
        updatedAt: at,
        version: undefined,
        size: undefined,
        ...UNSEEN,
      }
      const inserted = await reach(() => catalog.insertMedia(file, path))
      importer.add(file.id)
      return inserted
    },

    progressOf: (id) => importer.progressOf(id),

    async settled(file, ms) {
      if (file.status !== 'PENDING') return file
      const waiting = processing.settlements.wait(file.id, ms)
      // It may have been settled before anyone waited.
      const before = (await find(file.id)) ?? file
      if (before.status !== 'PENDING') processing.settlements.settled(file.id)
      await waiting
      return (await find(file.id)) ?? file
    },
  }
  return {
    media,
    async close() {
      clearInterval(timer)
      await sweeping
      await importer.close()
      await processing.close()
    },
  }
}
