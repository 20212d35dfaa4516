/**
 * The contract between the engine and a provider's wire.
 *
 * A driver is made for one upload of one key. It only makes calls: pausing, retrying, pacing, verifying and
 * progress live in the engine. See docs/design/client.md.
 */
import type { Digest } from './digest.ts'
import type { Json } from './json.ts'

/** What an upload is going to be, decided before the session begins. */
export interface UploadIntent {
  /** The key at the provider, prefix included. */
  readonly key: string
  readonly size: number
  readonly contentType: string
  readonly cacheControl: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** Refuse to overwrite (`create`), or overwrite only this version (`replace`). */
  readonly condition: UploadCondition | undefined
}

export type UploadCondition =
  | { readonly type: 'create' }
  | { readonly type: 'replace'; readonly etag: string }

/** What every call gets from the engine. */
export interface Call {
  /** Ends the call: pause, abort, silence, a sibling's final failure. */
  readonly signal: AbortSignal
  /** Tells that bytes moved: a silent call is cut, a slow one is not. */
  touch(): void
}

/** The body, for drivers that can read what the provider holds and compare. */
export interface BodyReader {
  readonly size: number
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>
}

/** A piece of the body on its way. It can be read again for another attempt. */
export interface Payload {
  readonly start: number
  readonly size: number
  /**
   * The whole piece in memory, the driver's until its call ends: then another piece may take its place. Only for
   * pieces that the driver limited in size. They count as sent at once, or, with `told`, as far as {@link left}
   * is told.
   */
  bytes(options?: { readonly told: boolean }): Promise<Uint8Array<ArrayBuffer>>
  /** So many more bytes have left. Ignored if they count already. */
  left(count: number): void
  /**
   * The piece in blocks of at most 1 MiB, read as they are asked for. With `reuse` a block is only good until
   * the next one is asked for: for consumers that are done with it by then.
   */
  blocks(options?: { readonly reuse: boolean }): AsyncIterable<Uint8Array<ArrayBuffer>>
  /** For checksums that are sent before the body. */
  sums(): Promise<Sums>
}

/** What a driver needs that sends a checksum before the piece. */
export interface Sums {
  /**
   * The piece's bytes to look at: neither paced nor counted. A block is only good until the next one is asked for.
   */
  read(): AsyncIterable<Uint8Array<ArrayBuffer>>
  /**
   * The whole piece as {@link Payload.bytes} has it, but to look at first: neither paced nor counted. What of it leaves
   * has to {@link pay}.
   */
  held(): Promise<Uint8Array<ArrayBuffer>>
  /** How much of it to send in one go at most, so that a limit of the rate is smooth. */
  step(most: number): number
  /** Waits until so many bytes may leave. */
  pay(bytes: number): Promise<void>
  /** CRC-32 of the whole piece once it was read, where it follows from what was noted of its bytes: it costs nothing. */
  noted(): number | undefined
  /** Whether `noted` will tell, known before the piece is read. */
  readonly willBeNoted: boolean
  /** Tells the CRC-64/NVME of the whole piece, from which that of the body follows. */
  note(crc64nvme: bigint): Promise<void>
  /** A digest of the whole body, told of every piece. Undefined where this runtime cannot compute it. */
  whole(algorithm: Digest['algorithm']): Promise<WholeDigest | undefined>
}

/** A digest of the whole body that grows with what is read for sending. */
export interface WholeDigest {
  /** A stretch that was read. What comes out of order, and what another process sent, is read again at the end. */
  add(start: number, bytes: Uint8Array): void
  /** The same for who reads the body by itself. */
  reach?(start: number, end: number): void
  /** Reads what is missing. */
  finish(call: Call): Promise<Digest>
}

/** What the provider says about a finished object. */
export interface ProviderResult {
  readonly etag?: string
  readonly url?: string
  /** The digest that the provider computed over the whole object. */
  readonly digest?: Digest
}

interface DriverCalls<Session extends Json> {
  /** Asks what the provider offers, before the body is cut. Sizes and limits count after it. */
  prepare?(call: Call): Promise<void>
  /** Reads a session out of a token. Throws `FilesError` if it is not this driver's, or leads elsewhere. */
  adopt(session: Json): Session
  /**
   * Gives the session up. A session that is not there counts as done.
   * @param complete Told the result where the provider turns out to have the whole object: it is kept then.
   */
  discard(session: Session, call: Call, complete?: (result: ProviderResult) => void): Promise<void>
  /** Gets new credentials after `Unauthorized`. False: there are no others. */
  refresh?(call: Call): Promise<boolean>
  /** The provider reports this digest of the whole object: it is computed while sending, and compared. */
  readonly digest?: Digest['algorithm']
}

/** A growing range. Several of them only where the provider can join them. */
export interface Lane {
  readonly index: number
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

export type OffsetState =
  /** Offsets are absolute positions in the body, one per lane. */
  | { readonly state: 'open'; readonly offsets: readonly number[] }
  | { readonly state: 'complete'; readonly result: ProviderResult }
  | { readonly state: 'gone' }

/** Sizes of the pieces that an offset-shaped provider accepts. */
export interface ChunkRule {
  /** Every chunk but the last is a multiple of this. */
  readonly multiple: number
  /** Every chunk but the last has at least this size. */
  readonly min: number
  readonly max: number
  /** Size of the first chunk; later ones grow and shrink with what the connection carries. */
  readonly first: number
}

export interface OffsetDriver<Session extends Json = Json> extends DriverCalls<Session> {
  readonly shape: 'offset'
  /** How many ranges may grow side by side. */
  readonly maxLanes: number
  readonly chunk: ChunkRule
  /**
   * Creates the session. `first` is the first chunk, when the driver may send it along; what it acknowledged
   * of it is in `offsets`.
   */
  begin(
    intent: UploadIntent,
    lanes: readonly Lane[],
    first: Payload | undefined,
    call: Call,
  ): Promise<{ readonly session: Session; readonly offsets: readonly number[] }>
  probe(
    session: Session,
    intent: UploadIntent,
    lanes: readonly Lane[],
    body: BodyReader,
    call: Call,
  ): Promise<OffsetState>
  /** Sends from `payload.start`. Resolves to the lane's new absolute offset. */
  send(session: Session, lane: Lane, payload: Payload, call: Call): Promise<number>
  complete(session: Session, intent: UploadIntent, call: Call): Promise<ProviderResult>
}

/** A part that the provider acknowledged. */
export interface PartReceipt {
  /** From 1. */
  readonly number: number
  readonly size: number
  readonly etag?: string
}

export type PartsState =
  | { readonly state: 'open'; readonly parts: readonly PartReceipt[] }
  | { readonly state: 'complete'; readonly result: ProviderResult }
  | { readonly state: 'gone' }

/** Sizes and number of the parts that a provider accepts. */
export interface PartRule {
  /** Every part but the last has at least this size. */
  readonly min: number
  readonly max: number
  readonly maxCount: number
  readonly maxSize: number
  /** Every part but the last is a multiple of this. */
  readonly multiple: number
  /** Size to use when nobody asked for one and it fits. */
  readonly preferred: number
}

export interface PartsDriver<Session extends Json = Json> extends DriverCalls<Session> {
  readonly shape: 'parts'
  readonly part: PartRule
  /** The last part is what ends the taking of parts: it is sent when the others are there. */
  readonly lastAlone?: boolean
  /** Bodies up to `max` bytes go in one request without a session: safe to repeat, nothing to resume. */
  readonly single?: {
    readonly max: number
    put(intent: UploadIntent, payload: Payload, call: Call): Promise<ProviderResult>
  }
  begin(intent: UploadIntent, partSize: number, call: Call): Promise<Session>
  /** The part size that the provider set when the session began, where it and not the rule decides. */
  partSizeOf?(session: Session): number
  /** Absent where the provider cannot say: then the parts in the token count. */
  probe?(session: Session, intent: UploadIntent, body: BodyReader, call: Call): Promise<PartsState>
  send(session: Session, number: number, payload: Payload, call: Call): Promise<PartReceipt>
  complete(
    session: Session,
    intent: UploadIntent,
    parts: readonly PartReceipt[],
    digest: Digest | undefined,
    call: Call,
  ): Promise<ProviderResult>
}

export type Driver<Session extends Json = Json> = OffsetDriver<Session> | PartsDriver<Session>
