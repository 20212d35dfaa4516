/**
 * What owners and buckets may hold. Uploads whose length is known are judged in the transaction that creates
 * them, exactly. One whose length is not known sets bytes aside in the catalog before they come: all of a body
 * that declares its size, a stretch ahead of one that does not. Such a body may pass the quota by what is
 * under way when that is noticed: a write or two of a few MiB.
 */
import type { Catalog } from '../catalog/catalog.ts'
import type { Allowance, Exceeded } from '../catalog/usage.ts'
import { reach } from './engine.ts'
import { UploadError } from './errors.ts'
import type { UploadId, UploadRecord } from './upload.ts'

/** Set aside ahead of a body that does not tell its size; asked for again when half of it is used. */
const STRETCH = 64 * 1024 * 1024
const BATCH = 100

/** One request that makes an upload of unknown length grow. */
export interface Growth {
  /** The upload has `length` bytes now. */
  note(length: number): void
  /**
   * The request is over: what was set aside and not used is given back.
   * @throws UploadError `over-quota` when its body passed the quota; the bytes stay
   */
  end(length: number): Promise<void>
}

const UNBOUNDED: Growth = {
  note() {},
  async end() {},
}

export class Quota {
  readonly allowance: Allowance
  readonly #catalog: Catalog

  constructor(catalog: Catalog, allowance: Allowance) {
    this.#catalog = catalog
    this.allowance = allowance
  }

  /** Sets aside the length an upload has from now on. @throws UploadError `over-quota`, `unavailable` */
  async declare(upload: UploadRecord, length: number): Promise<void> {
    if (!this.#countsBytes) return
    const { ownerBytes, bucketBytes } = this.allowance
    const granted = await reach(() =>
      this.#catalog.reserve(upload.id, length, length, { ownerBytes, bucketBytes }),
    )
    if (granted < length) throw overQuota()
  }

  /**
   * @param length - bytes that are there
   * @param declared - bytes the body will have; undefined when it does not say
   * @param onOver - called once when the body passed the quota
   * @throws UploadError `over-quota`, `unavailable`, before the body is read
   */
  async grow(
    upload: UploadRecord,
    length: number,
    declared: number | undefined,
    onOver: () => void,
  ): Promise<Growth> {
    if (!this.#countsBytes || upload.length !== undefined) return UNBOUNDED
    const reserve = (wanted: number, least: number, allowance: Allowance): Promise<number> =>
      this.#catalog.reserve(upload.id, wanted, least, allowance)
    let current = length
    let granted = await reach(() =>
      reserve(length + (declared ?? STRETCH), length + (declared ?? 1), this.allowance),
    )
    if (granted < length + (declared ?? 1)) throw overQuota(length)
    let asking: Promise<void> | undefined

    const ask = async (): Promise<void> => {
      // A catalog that is away for a moment is asked again with the next write.
      granted = await reserve(current + STRETCH, 0, this.allowance).catch(() => granted)
      asking = undefined
      if (current > granted) onOver()
    }
    return {
      note(now) {
        current = now
        if (declared === undefined && granted - now < STRETCH / 2) asking ??= ask()
      },
      async end(now) {
        await asking
        if (now !== granted) await reach(() => reserve(now, 0, {}))
        // It was over before the answer came: no more than what is here will be taken.
        if (declared === undefined && now > granted) throw overQuota(now)
      },
    }
  }

  /**
   * What a process that was killed had set aside for its requests: to be called before there are any.
   * @param lengthOf - bytes that are there
   */
  async giveBack(lengthOf: (upload: UploadRecord) => Promise<number>): Promise<void> {
    if (!this.#countsBytes) return
    let after: UploadId | undefined
    for (;;) {
      const page = await this.#catalog.unfinished(after, BATCH)
      const growing = page.filter(({ state, length }) => state.kind === 'open' && length === undefined)
      await Promise.all(
        growing.map(async (upload) => this.#catalog.reserve(upload.id, await lengthOf(upload), 0, {})),
      )
      after = page.at(-1)?.id
      if (page.length < BATCH) return
    }
  }

  get #countsBytes(): boolean {
    return this.allowance.ownerBytes !== undefined || this.allowance.bucketBytes !== undefined
  }
}

/** @param offset - bytes that stay */
export function overQuota(offset?: number): UploadError {
  return new UploadError(
    'over-quota',
    'there is no room left for this upload: its owner or its bucket holds as many bytes as it may',
    offset === undefined ? {} : { offset },
  )
}

export function refusalOf({ what, limit }: Exceeded): UploadError {
  switch (what) {
    case 'ownerBytes':
      return new UploadError('over-quota', `one owner may hold ${limit} bytes here: remove something first`)
    case 'bucketBytes':
      return new UploadError('over-quota', `this bucket may hold ${limit} bytes: remove something first`)
    case 'ownerOpen':
      return new UploadError(
        'too-many-open',
        `one owner may have ${limit} unfinished uploads at a time: finish or delete some first`,
      )
  }
}
