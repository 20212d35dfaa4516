/** The public calls. Longer than most files because it is the one place where all of them can be read. */
import type { Adapter, SignedUpload } from './adapter.ts'
import { FilesError } from './errors.ts'
import { bulk, withErrors } from './files/bulk.ts'
import { type Capabilities, capabilitiesOf, need } from './files/capabilities.ts'
import { type FileHandle, fileHandle } from './files/handle.ts'
import { type FilesHooks, type Subject, tell } from './files/hooks.ts'
import { callerKey, fullKey, normalPrefix } from './files/keys.ts'
import { observed, repeated } from './files/operation.ts'
import { uploadOne } from './files/upload.ts'
import type * as options from './options.ts'
import { renamed, type StoredFile } from './stored-file.ts'
import type { Body } from './transfer/source.ts'

export interface FilesOptions<A extends Adapter> extends options.OperationOptions {
  readonly adapter: A
  /** Put before every key. */
  readonly prefix?: string
  /** Refuse everything that writes. */
  readonly readonly?: boolean
  readonly hooks?: FilesHooks
}

/**
 * Files at one provider.
 *
 * @example
 * const files = new Files({ adapter: fs({ root: './data' }) })
 * await files.upload('notes/today.txt', 'hello')
 */
export class Files<A extends Adapter = Adapter> {
  readonly #options: FilesOptions<A>
  readonly #prefix: string

  constructor(options: FilesOptions<A>) {
    this.#options = options
    this.#prefix = normalPrefix(options.prefix)
  }

  get adapter(): A {
    return this.#options.adapter
  }

  /** The provider's own client. */
  get raw(): A['raw'] {
    return this.adapter.raw
  }

  /** Empty, or ending with a slash. */
  get prefix(): string {
    return this.#prefix
  }

  get capabilities(): Capabilities {
    return capabilitiesOf(this.adapter)
  }

  /** The same files, refusing everything that writes. */
  readonly(): Files<A> {
    return new Files({ ...this.#options, readonly: true })
  }

  /** A handle on one key. */
  file(key: string): FileHandle {
    return fileHandle(this, key)
  }

  /**
   * Uploads a body, or several. Resolves when the provider has the whole object.
   * @throws FilesError
   */
  upload(key: string, body: Body, options?: options.UploadOptions): Promise<options.UploadResult>
  upload(
    items: readonly options.UploadManyItem[],
    options?: options.UploadManyOptions,
  ): Promise<options.UploadManyResult>
  upload(
    first: string | readonly options.UploadManyItem[],
    second?: Body | options.UploadManyOptions,
    third: options.UploadOptions = {},
  ): Promise<options.UploadResult | options.UploadManyResult> {
    if (typeof first !== 'string') return this.#uploadMany(first, manyOptions(second))
    return this.#seen({ type: 'upload', key: first }, () => {
      this.#writable('upload')
      return this.#upload(first, bodyOf(second), third)
    })
  }

  #upload(key: string, body: Body, options: options.UploadOptions): Promise<options.UploadResult> {
    const { adapter, hooks } = this.#options
    return uploadOne(adapter, key, this.#full(key), body, options, this.#options, (retry) =>
      tell(hooks?.onRetry, { type: 'upload', key, ...retry }),
    )
  }

  #uploadMany(
    items: readonly options.UploadManyItem[],
    { onProgress, concurrency, stopOnError, ...options }: options.UploadManyOptions,
  ): Promise<options.UploadManyResult> {
    const keys = items.map((item) => item.key)
    return this.#seen({ type: 'upload', keys }, async () => {
      this.#writable('upload')
      if ('control' in options) {
        throw new FilesError(
          'NotSupported',
          'a control drives one upload: give each file its own call of upload()',
        )
      }
      const { done, errors } = await bulk(
        items,
        (item) => item.key,
        {
          ...(concurrency === undefined ? {} : { concurrency }),
          ...(stopOnError === undefined ? {} : { stopOnError }),
        },
        ({ key, body, ...item }) =>
          this.#upload(key, body, {
            ...options,
            ...item,
            ...(onProgress && { onProgress: (progress) => onProgress({ ...progress, key }) }),
          }),
      )
      return withErrors({ uploaded: done.map(({ value }) => value) }, errors)
    })
  }

  /** Opens an object, or several. The content is read when it is asked for. */
  download(key: string, options?: options.DownloadOptions): Promise<StoredFile>
  download(keys: readonly string[], options?: options.BulkOptions): Promise<options.DownloadManyResult>
  async download(
    key: string | readonly string[],
    options: options.DownloadOptions & options.BulkOptions = {},
  ): Promise<StoredFile | options.DownloadManyResult> {
    const { adapter } = this
    const one = async (key: string) => {
      const download = adapter.download?.bind(adapter)
      if (!download) throw lacks(adapter, 'download')
      const { range } = options
      if (range) checkRange(adapter, range)
      return this.#named(
        key,
        await this.#repeat({ type: 'download', key }, options, (call) =>
          download(this.#full(key), range, call),
        ),
      )
    }
    if (typeof key === 'string') return this.#seen({ type: 'download', key }, () => one(key))
    return this.#seen({ type: 'download', keys: [...key] }, async () => {
      const { done, errors } = await bulk(key, String, options, one)
      return withErrors({ downloaded: done.map(({ value }) => value) }, errors)
    })
  }

  /** What the provider knows of an object, without its content. */
  head(key: string, options?: options.OperationOptions): Promise<StoredFile>
  head(keys: readonly string[], options?: options.BulkOptions): Promise<options.HeadManyResult>
  async head(
    key: string | readonly string[],
    options: options.BulkOptions = {},
  ): Promise<StoredFile | options.HeadManyResult> {
    if (typeof key === 'string')
      return this.#seen({ type: 'head', key }, () => this.#head(key, 'head', options))
    return this.#seen({ type: 'head', keys: [...key] }, async () => {
      const { done, errors } = await bulk(key, String, options, (key) => this.#head(key, 'head', options))
      return withErrors({ files: done.map(({ value }) => value) }, errors)
    })
  }

  async #head(key: string, type: 'head' | 'exists', options: options.OperationOptions): Promise<StoredFile> {
    const { adapter } = this
    const head = adapter.head?.bind(adapter)
    if (!head) throw lacks(adapter, type)
    return this.#named(key, await this.#repeat({ type, key }, options, (call) => head(this.#full(key), call)))
  }

  /** Whether an object is there. Only a clean "not found" is false; every other failure is thrown. */
  exists(key: string, options?: options.OperationOptions): Promise<boolean>
  exists(keys: readonly string[], options?: options.BulkOptions): Promise<options.ExistsManyResult>
  async exists(
    key: string | readonly string[],
    options: options.BulkOptions = {},
  ): Promise<boolean | options.ExistsManyResult> {
    const one = async (key: string) => {
      try {
        await this.#head(key, 'exists', options)
        return true
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return false
        throw error
      }
    }
    if (typeof key === 'string') return this.#seen({ type: 'exists', key }, () => one(key))
    return this.#seen({ type: 'exists', keys: [...key] }, async () => {
      const { done, errors } = await bulk(key, String, options, one)
      const those = (there: boolean) => done.filter(({ value }) => value === there).map(({ item }) => item)
      return withErrors({ existing: those(true), missing: those(false) }, errors)
    })
  }

  /** Deletes an object, or several. One that is not there counts as deleted. */
  delete(key: string, options?: options.OperationOptions): Promise<void>
  delete(keys: readonly string[], options?: options.BulkOptions): Promise<options.DeleteManyResult>
  async delete(key: string | readonly string[], options: options.BulkOptions = {}): Promise<unknown> {
    const { adapter } = this
    const one = async (key: string) => {
      const remove = adapter.delete?.bind(adapter)
      if (!remove) throw lacks(adapter, 'delete')
      await this.#repeat({ type: 'delete', key }, options, (call) => remove(this.#full(key), call))
    }
    if (typeof key === 'string') {
      await this.#seen({ type: 'delete', key }, () => {
        this.#writable('delete')
        return one(key)
      })
      return undefined
    }
    return this.#seen({ type: 'delete', keys: [...key] }, async () => {
      this.#writable('delete')
      const { done, errors } = await bulk(key, String, options, one)
      return withErrors({ deleted: done.map(({ item }) => item) }, errors)
    })
  }

  async copy(from: string, to: string, options: options.OperationOptions = {}): Promise<void> {
    const { adapter } = this
    await this.#seen({ type: 'copy', from, to }, async () => {
      this.#writable('copy')
      const copy = adapter.copy?.bind(adapter)
      if (!copy) throw lacks(adapter, 'copy')
      await this.#repeat({ type: 'copy', from, to }, options, (call) =>
        copy(this.#full(from), this.#full(to), call),
      )
    })
  }

  /** Renames. Where the provider cannot, the object is copied and then deleted. */
  async move(from: string, to: string, options: options.OperationOptions = {}): Promise<void> {
    const { adapter } = this
    const subject: Subject = { type: 'move', from, to }
    await this.#seen(subject, async () => {
      this.#writable('move')
      const [source, target] = [this.#full(from), this.#full(to)]
      if (source === target) return
      const [move, copy, remove] = [adapter.move, adapter.copy, adapter.delete]
      if (move) return this.#repeat(subject, options, (call) => move.call(adapter, source, target, call))
      if (!copy || !remove) throw lacks(adapter, 'move')
      await this.#repeat(subject, options, (call) => copy.call(adapter, source, target, call))
      await this.#repeat(subject, options, (call) => remove.call(adapter, source, call))
    })
  }

  /** One page of objects, by key. */
  async list(options: options.ListOptions = {}): Promise<options.ListResult> {
    const { adapter } = this
    return this.#seen({ type: 'list' }, async () => {
      const list = adapter.list?.bind(adapter)
      if (!list) throw lacks(adapter, 'list')
      const { prefix = '', cursor, limit, delimiter } = options
      need(
        adapter.name,
        'list with a delimiter',
        delimiter === undefined || adapter.traits.delimiter === true,
      )
      const query = {
        prefix: this.#prefix + prefix,
        ...(cursor === undefined ? {} : { cursor }),
        ...(limit === undefined ? {} : { limit }),
        ...(delimiter === undefined ? {} : { delimiter }),
      }
      const page = await this.#repeat({ type: 'list' }, options, (call) => list(query, call))
      return {
        items: page.items.map((file) => renamed(file, callerKey(this.#prefix, file.key))),
        ...(page.prefixes && { prefixes: page.prefixes.map((key) => callerKey(this.#prefix, key)) }),
        ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
      }
    })
  }

  /** Every object, page after page. */
  async *listAll(options: options.ListOptions = {}): AsyncGenerator<StoredFile, void> {
    let cursor = options.cursor
    do {
      const page = await this.list(cursor === undefined ? options : { ...options, cursor })
      yield* page.items
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  /** A URL to read the object from. */
  async url(key: string, options: options.UrlOptions = {}): Promise<string> {
    const { adapter } = this
    return this.#seen({ type: 'url', key }, () => {
      const url = adapter.url?.bind(adapter)
      if (!url) throw lacks(adapter, 'url')
      return this.#repeat({ type: 'url', key }, options, (call) => url(this.#full(key), options, call))
    })
  }

  /** A request that anyone may make to upload this key. */
  async signedUploadUrl(key: string, options: options.SignUploadOptions): Promise<SignedUpload> {
    const { adapter } = this
    return this.#seen({ type: 'signedUploadUrl', key }, () => {
      this.#writable('signedUploadUrl')
      const sign = adapter.signedUploadUrl?.bind(adapter)
      if (!sign) throw lacks(adapter, 'signedUploadUrl')
      return this.#repeat({ type: 'signedUploadUrl', key }, options, (call) =>
        sign(this.#full(key), options, call),
      )
    })
  }

  #full(key: string): string {
    return fullKey(this.#prefix, key)
  }

  #named(key: string, file: StoredFile): StoredFile {
    return renamed(file, key)
  }

  #writable(what: string): void {
    if (this.#options.readonly)
      throw new FilesError('ReadOnly', `${what} is refused: these files are read-only`)
  }

  #seen<T>(subject: Subject, call: () => Promise<T>): Promise<T> {
    // In an async function, so that what is thrown before the first await is seen too.
    return observed(this.#options.hooks ?? {}, subject, async () => call())
  }

  #repeat<T>(
    subject: Subject,
    options: options.OperationOptions,
    call: Parameters<typeof repeated<T>>[4],
  ): Promise<T> {
    return repeated(this.#options.hooks ?? {}, subject, options, this.#options, call)
  }
}

function lacks({ name }: Adapter, operation: string): FilesError {
  return new FilesError('NotSupported', `${name} has no ${operation}`)
}

function checkRange(
  { name, traits }: Adapter,
  { start, end }: { readonly start: number; readonly end?: number },
): void {
  need(name, 'download of a range', traits.rangeRead === true)
  const whole = Number.isSafeInteger(start) && start >= 0
  if (!whole || (end !== undefined && (!Number.isSafeInteger(end) || end < start))) {
    throw new FilesError('NotSupported', `bytes ${start}–${end ?? ''} are no range`)
  }
}

function bodyOf(second: unknown): Body {
  if (second === undefined || second === null) throw new FilesError('NotSupported', 'upload() needs a body')
  return second as Body
}

function manyOptions(second: unknown): options.UploadManyOptions {
  return (second ?? {}) as options.UploadManyOptions
}
