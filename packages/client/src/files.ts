import type { Adapter, SignedUpload } from './adapter.ts'
import { type Capabilities, capabilitiesOf } from './files/capabilities.ts'
import type { FilesContext } from './files/context.ts'
import { type FileHandle, fileHandle } from './files/handle.ts'
import type { FilesHooks } from './files/hooks.ts'
import { normalPrefix } from './files/keys.ts'
import { uploading } from './files/upload.ts'
import type * as options from './options.ts'
import type { StoredFile } from './stored-file.ts'
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
 * Files at one provider. Everything besides uploading one file is loaded when it is first used.
 *
 * @example
 * const files = new Files({ adapter: fs({ root: './data' }) })
 * await files.upload('notes/today.txt', 'hello')
 */
export class Files<A extends Adapter = Adapter> {
  readonly #options: FilesOptions<A>
  readonly #context: FilesContext

  constructor(options: FilesOptions<A>) {
    const { adapter, prefix, readonly = false, hooks = {} } = options
    this.#options = options
    this.#context = { adapter, prefix: normalPrefix(prefix), readonly, hooks, defaults: options }
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
    return this.#context.prefix
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
    return typeof first === 'string'
      ? uploading(this.#context, first, second as Body, third)
      : others().then(({ uploadMany }) =>
          uploadMany(this.#context, first, second as options.UploadManyOptions),
        )
  }

  /** Opens an object, or several. The content is read when it is asked for. */
  download(key: string, options?: options.DownloadOptions): Promise<StoredFile>
  download(keys: readonly string[], options?: options.BulkOptions): Promise<options.DownloadManyResult>
  async download(key: string | readonly string[], options?: options.BulkOptions): Promise<unknown> {
    return (await others()).download(this.#context, key, options)
  }

  /** What the provider knows of an object, without its content. */
  head(key: string, options?: options.OperationOptions): Promise<StoredFile>
  head(keys: readonly string[], options?: options.BulkOptions): Promise<options.HeadManyResult>
  async head(key: string | readonly string[], options?: options.BulkOptions): Promise<unknown> {
    return (await others()).head(this.#context, key, options)
  }

  /** Whether an object is there. Only a clean "not found" is false; every other failure is thrown. */
  exists(key: string, options?: options.OperationOptions): Promise<boolean>
  exists(keys: readonly string[], options?: options.BulkOptions): Promise<options.ExistsManyResult>
  async exists(key: string | readonly string[], options?: options.BulkOptions): Promise<unknown> {
    return (await others()).exists(this.#context, key, options)
  }

  /** Deletes an object, or several. One that is not there counts as deleted. */
  delete(key: string, options?: options.OperationOptions): Promise<void>
  delete(keys: readonly string[], options?: options.BulkOptions): Promise<options.DeleteManyResult>
  async delete(key: string | readonly string[], options?: options.BulkOptions): Promise<unknown> {
    return (await others()).remove(this.#context, key, options)
  }

  async copy(from: string, to: string, options?: options.OperationOptions): Promise<void> {
    return (await others()).copy(this.#context, from, to, options)
  }

  /** Renames. Where the provider cannot, the object is copied and then deleted. */
  async move(from: string, to: string, options?: options.OperationOptions): Promise<void> {
    return (await others()).move(this.#context, from, to, options)
  }

  /** One page of objects, by key. */
  async list(options?: options.ListOptions): Promise<options.ListResult> {
    return (await others()).list(this.#context, options)
  }

  /** Every object, page after page. */
  async *listAll(options?: options.ListOptions): AsyncGenerator<StoredFile, void> {
    yield* (await others()).listAll(this.#context, options)
  }

  /** A URL to read the object from. */
  async url(key: string, options?: options.UrlOptions): Promise<string> {
    return (await others()).url(this.#context, key, options)
  }

  /** A request that anyone may make to upload this key. */
  async signedUploadUrl(key: string, options: options.SignUploadOptions): Promise<SignedUpload> {
    return (await others()).signedUploadUrl(this.#context, key, options)
  }
}

/** Everything but uploading one body: loaded when it is first used. */
const others = () => import('./files/others.ts')
