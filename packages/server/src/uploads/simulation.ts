/**
 * Clients, faults and crashes against the real engine, drawn from one seed, with a simple model beside it:
 * what each client sent, and what it was told. For tests. The clock is vitest's fake one.
 *
 * Long, because what a client does and what the model makes of the answer are read together.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { ANON } from '../access/principal.ts'
import type { SegmentId } from '../blobs/blob-store.ts'
import { all, collect, sampleBytes } from '../blobs/sample-bytes.ts'
import { rememberUploads } from '../catalog/remembered.ts'
import { createLog } from '../log.ts'
import type { AppendOutcome, AppendRequest } from './append.ts'
import type { CreateRequest } from './create.ts'
import { failureError, UploadError } from './errors.ts'
import { cutPower, type Fate, type Machine, type Process, startProcess } from './mortal.ts'
import type { Random } from './random.ts'
import { type RunningEngine, startEngine } from './start.ts'
import type { UploadId, UploadRecord } from './upload.ts'

const TTL = 3_600_000
const MAX_SIZE = 400_000
const GRACE = 3_600_000
const SWEEP_EVERY = 60_000

/** What one client wants to store, and what it was told of it. */
interface Story {
  readonly id: UploadId
  readonly segment: SegmentId
  readonly content: Buffer
  readonly key: string
  /** It ends when its client says so, and what was told never goes back. */
  readonly byWord: boolean
  /** The server knows the length. */
  lengthTold: boolean
  /** The highest offset that an answer named and that must not be gone. */
  told: number
  /** Grows when what was told may go back: then reports of requests that began before prove nothing. */
  epoch: number
  /** Requests under way whose bytes may be taken back, by where they began. */
  readonly doubtful: Set<{ readonly from: number }>
  version: string | undefined
  conflict: boolean
  /** A cancel was sent: it may have happened. */
  cancelSent: boolean
  gone: boolean
  /** Time passed that may have ended it. */
  mayExpire: boolean
}

interface Request {
  readonly story: Story
  readonly body: Readable
  /** Pieces of the body that were not sent yet. */
  readonly rest: Buffer[]
  /** How it ends once all pieces are sent. */
  readonly ending: 'end' | 'break' | 'stall'
  readonly leave: AbortController
}

export interface World {
  readonly machine: Machine
  readonly random: Random
  /** Lets everything that can happen now happen. */
  turn(): Promise<void>
  /** Moves the wall clock alone, over a time in which nothing happens. */
  jump(milliseconds: number): void
  /** Lets time pass. */
  advance(milliseconds: number): Promise<void>
}

export class Simulation {
  readonly #world: World
  readonly #random: Random
  readonly #everyAck: boolean
  readonly #remembers: boolean
  readonly #stories: Story[] = []
  readonly #requests = new Set<Request>()
  readonly #open = new Set<Promise<void>>()
  readonly #trace: string[] = []
  readonly #wrong: string[] = []
  #faults = 0
  #outlived = 0
  #process: Process
  #engine: RunningEngine | undefined
  #fate: Fate

  constructor(world: World) {
    this.#world = world
    this.#random = world.random
    this.#everyAck = world.random.chance(0.3)
    this.#remembers = world.random.chance(0.7)
    this.#fate = this.#newFate()
    this.#process = startProcess(world.machine, this.#fate)
  }

  get trace(): string {
    return this.#trace.join('\n')
  }

  async run(steps: number): Promise<void> {
    await this.#start()
    for (let n = 0; n < steps; n += 1) {
      await this.#step()
      await this.#world.turn()
      this.#check()
      if (this.#process.dead) await this.#restart(this.#random.chance(0.3))
    }
    await this.#end()
  }

  async #step(): Promise<void> {
    const random = this.#random
    const story = random.pick(this.#stories)
    const dice = random.below(100)
    if (story === undefined || (dice < 10 && this.#stories.length < 6)) return this.#create()
    if (dice < 40) return this.#append(story)
    if (dice < 55) return this.#feed()
    if (dice < 67) return this.#look(story)
    if (dice < 69) return this.#cancel(story)
    if (dice < 80) return this.#wait(random.pick([1, 100, 600, 2500, 6000]) ?? 1)
    if (dice < 84) return this.#wait(SWEEP_EVERY)
    if (dice < 85) return this.#outlive()
    if (dice < 90) {
      this.#log('faults')
      this.#faults = 1 + random.below(6)
      return
    }
    if (dice < 96) {
      this.#fate.callsLeft ??= 1 + random.below(8)
      this.#log(`dies in ${this.#fate.callsLeft} calls`)
      return
    }
    this.#log('killed')
    this.#process.kill()
  }

  async #create(): Promise<void> {
    const random = this.#random
    const seed = random.below(1e9)
    const content = sampleBytes(
      random.chance(0.05) ? 0 : 1 + random.below(random.chance(0.2) ? 300_000 : 3000),
      seed,
    )
    const shared = random.chance(0.3)
    const lengthTold = random.chance(0.7)
    const byWord = random.chance(0.4)
    // With its bytes, all of them or the first few before the connection breaks.
    const brings = lengthTold && !byWord && content.byteLength > 0 && random.chance(0.4)
    const breaks = brings && random.chance(0.2)
    const sent = pieces(breaks ? content.subarray(0, random.below(content.byteLength)) : content, random)
    const begun = this.#outlived
    let made: UploadId | undefined
    let story: Story | undefined
    this.#log(
      `create ${content.byteLength} ${lengthTold ? '' : 'deferred '}${byWord ? 'by word ' : ''}${shared ? 'shared' : ''}${brings ? ' with bytes' : ''}${breaks ? ' that break off' : ''}`,
    )
    const tell = (upload: UploadRecord): Story => {
      const told: Story = {
        id: made ?? upload.id,
        segment: upload.segment,
        content,
        key: upload.key,
        byWord,
        lengthTold,
        told: 0,
        epoch: 0,
        doubtful: new Set(),
        version: undefined,
        conflict: false,
        cancelSent: false,
        gone: false,
        mayExpire: begun !== this.#outlived,
      }
      this.#stories.push(told)
      return told
    }
    const body = Readable.from(
      (async function* () {
        yield* sent
        if (breaks) throw new Error('the connection broke')
      })(),
      { objectMode: false },
    )
    body.on('error', () => {})
    const create = async (uploads: RunningEngine['uploads']): Promise<void> => {
      const request: CreateRequest = {
        face: 'files',
        owner: ANON,
        bucket: 'b',
        key: (id) => {
          made = id
          return shared ? 'shared' : id
        },
        precondition: shared && random.chance(0.5) ? 'none' : 'absent',
        length: lengthTold ? content.byteLength : undefined,
        ending: byWord ? 'word' : undefined,
        metadata: '',
        headers: { contentType: 'a/b', fileName: undefined },
        concat: 'whole',
        digests: {
          wanted: [],
          demanded: random.chance(0.3)
            ? { 'sha-256': createHash('sha256').update(content).digest('hex') }
            : {},
        },
      }
      if (!brings) {
        const upload = await uploads.create(request)
        const { state } = upload
        story = tell(upload)
        if (state.kind === 'complete') this.#published(story, state.answer.version)
        return
      }
      const append: AppendRequest = {
        offset: 0,
        declared: content.byteLength,
        length: undefined,
        ends: 'at-length',
        checksum: undefined,
        open: () => body,
        signal: new AbortController().signal,
      }
      const outcome = await uploads.createWithBody(
        request,
        () => true,
        append,
        (upload) => {
          story = tell(upload)
        },
      )
      if (story === undefined) return
      const seen = { epoch: 0, floor: 0, gone: false, garbage: false, offset: 0 }
      await this.#appended(story, outcome, seen)
    }
    this.#follow('create', create, (error) => {
      if (story !== undefined) this.#refusal(story, error)
    })
  }

  /** Begins a request where the client believes that the upload stands; its body comes piece by piece. */
  async #append(story: Story): Promise<void> {
    const random = this.#random
    const offset = random.chance(0.9) ? story.told : random.below(story.content.byteLength + 1)
    const rest = story.content.subarray(offset)
    const upTo = random.chance(0.5) ? rest.byteLength : random.below(rest.byteLength + 1)
    const manner = random.pick([
      'declared',
      'declared',
      'chunked',
      'too-long',
      'checksum',
      'garbage',
    ] as const)
    const garbage = manner === 'garbage'
    // Too long by a little: the bytes up to the end are right, and must not count all the same.
    const sent = garbage
      ? sampleBytes(upTo, random.below(1e9))
      : manner === 'too-long'
        ? Buffer.concat([rest, sampleBytes(1 + random.below(100), 5)])
        : rest.subarray(0, upTo)
    const doubtful = garbage || manner === 'checksum' || manner === 'too-long'
    const ending = random.pick(['end', 'end', 'end', 'break', 'stall'] as const) ?? 'end'
    const tellsLength = !story.lengthTold && (manner === 'too-long' || random.chance(0.3))
    const whole = upTo === rest.byteLength && !garbage && manner !== 'too-long'
    const ends = !story.byWord ? 'at-length' : whole && random.chance(0.7) ? 'here' : 'not-here'
    const leave = new AbortController()
    // Not so early that only the whole body is seen, nor so small that nothing is gathered.
    const body = new Readable({ read() {}, highWaterMark: 1 << 20 })
    // A request that breaks before the engine reads it is nobody's error.
    body.on('error', () => {})
    const request: Request = { story, body, rest: pieces(sent, random), ending, leave }
    const checksum = {
      algorithm: 'sha-256' as const,
      digest: createHash('sha256')
        .update(garbage ? 'another body' : sent)
        .digest('hex'),
    }
    const name = `append ${story.id.slice(0, 4)} at ${offset} +${sent.byteLength} ${manner} ${ending} ${ends}`
    this.#log(name)
    this.#requests.add(request)
    const doubt = { from: offset }
    if (doubtful) story.doubtful.add(doubt)
    this.#follow(
      name,
      async (uploads) => {
        const epoch = story.epoch
        const floor = story.told
        const gone = story.gone
        try {
          const outcome = await uploads.append(story.id, () => true, {
            offset,
            declared: manner === 'chunked' || manner === 'too-long' ? undefined : sent.byteLength,
            length: tellsLength || ends === 'here' ? story.content.byteLength : undefined,
            ends,
            manner: story.byWord ? 'at-once' : 'patient',
            checksum: manner === 'checksum' || garbage ? () => checksum : undefined,
            open: () => body,
            signal: leave.signal,
          })
          await this.#appended(story, outcome, { epoch, floor, gone, garbage, offset })
        } catch (error) {
          if (error instanceof UploadError && error.offset !== undefined)
            await this.#reported(story, error.offset, { epoch, floor, gone })
          throw error
        } finally {
          this.#requests.delete(request)
          body.destroy()
          if (doubtful) {
            story.doubtful.delete(doubt)
            story.epoch += 1
          }
        }
      },
      (error) => this.#refusal(story, error),
    )
    // Some of it comes at once.
    await this.#feed()
  }

  async #appended(
    story: Story,
    outcome: AppendOutcome,
    seen: { epoch: number; floor: number; gone: boolean; garbage: boolean; offset: number },
  ): Promise<void> {
    if (outcome.kind === 'cut') return
    if (outcome.upload.length !== undefined) story.lengthTold = true
    if (outcome.kind === 'finished') {
      if (outcome.finished.kind === 'published') this.#published(story, outcome.finished.answer.version)
      return this.#reported(story, outcome.offset, { ...seen })
    }
    if (seen.garbage && outcome.offset !== seen.offset) this.#blame(`garbage was accepted`)
    if (outcome.offset === outcome.upload.length && !story.byWord)
      this.#blame('an answer shows all bytes before publishing')
    return this.#reported(story, outcome.offset, { ...seen })
  }

  /** Sends the next piece of some body, or ends it. */
  async #feed(): Promise<void> {
    const request = this.#random.pick([...this.#requests])
    if (request === undefined) return
    let count = 1 + this.#random.below(4)
    while (count > 0 && request.rest.length > 0) {
      const piece = request.rest.shift()
      if (piece !== undefined && !request.body.destroyed) request.body.push(piece)
      count -= 1
      if (this.#random.chance(0.3)) await this.#world.turn()
    }
    if (request.rest.length === 0) this.#endBody(request)
  }

  #endBody(request: Request): void {
    if (request.ending === 'end' && !request.body.destroyed) request.body.push(null)
    if (request.ending === 'break') this.#breakOff(request)
  }

  #breakOff(request: Request): void {
    request.body.destroy(new Error('the connection broke'))
    request.leave.abort()
  }

  async #look(story: Story): Promise<void> {
    const name = `look at ${story.id.slice(0, 4)}`
    this.#log(name)
    this.#follow(
      name,
      async (uploads) => {
        const seen = { epoch: story.epoch, floor: story.told, gone: story.gone }
        const found = await (story.byWord
          ? uploads.inspectByWord(story.id, () => true)
          : uploads.inspect(story.id, () => true))
        if (found.upload.length !== undefined) story.lengthTold = true
        if (found.kind === 'failed') return this.#failed(story, found.upload)
        if (found.kind === 'finished') {
          if (found.finished.kind === 'published') this.#published(story, found.finished.answer.version)
        } else if (found.offset === found.upload.length && !story.byWord) {
          this.#blame('a look shows all bytes before publishing')
        }
        await this.#reported(story, found.offset, seen)
      },
      (error) => this.#refusal(story, error),
    )
  }

  #failed(story: Story, { state }: UploadRecord): void {
    if (state.kind === 'failed') this.#refusal(story, failureError(state.failure))
  }

  async #cancel(story: Story): Promise<void> {
    const name = `cancel ${story.id.slice(0, 4)}`
    this.#log(name)
    story.cancelSent = true
    this.#follow(
      name,
      async (uploads) => {
        await uploads.cancel(story.id, () => true)
        if (story.version !== undefined) this.#blame('a published upload was cancelled')
        story.gone = true
      },
      (error) => this.#refusal(story, error),
    )
  }

  async #wait(milliseconds: number): Promise<void> {
    this.#log(`wait ${milliseconds}`)
    await this.#world.advance(milliseconds)
  }

  /** So long that what nobody goes on with expires. */
  async #outlive(): Promise<void> {
    this.#log('outlive')
    this.#outlived += 1
    for (const story of this.#stories) story.mayExpire = true
    this.#world.jump(TTL)
    await this.#world.advance(SWEEP_EVERY)
  }

  /** What a client learns from a refusal. */
  #refusal(story: Story, { code }: UploadError): void {
    if (code === 'conflict') {
      story.conflict = true
      if (story.version !== undefined) this.#blame('a published upload is a conflict now')
      if (story.key !== 'shared') this.#blame('a conflict over a key that nobody else has')
    }
    if (code === 'bytes-lost') this.#blame('bytes were lost')
    if (code === 'digest-mismatch') this.#blame('the bytes are not those of the client')
    if (code === 'not-found' && !story.cancelSent && !story.mayExpire) this.#blame('it is not there')
    if (code === 'gone' && !story.mayExpire && !story.conflict && story.key !== 'shared')
      this.#blame('it is gone')
    if ((code === 'gone' || code === 'not-found') && story.version !== undefined)
      this.#blame('a published upload is gone')
  }

  /** An answer names an offset: what is below it is what the client sent, and it never goes back. */
  async #reported(
    story: Story,
    offset: number,
    seen: { readonly epoch: number; readonly floor: number; readonly gone: boolean },
  ): Promise<void> {
    if (offset > story.content.byteLength) return this.#blame(`offset ${offset} is past the end`)
    if (seen.gone) return this.#blame('a cancelled upload shows an offset')
    // Cancelled meanwhile: what it shows was true when it was asked.
    if (story.cancelSent) return
    if (seen.epoch === story.epoch && offset < seen.floor)
      this.#blame(`${story.id.slice(0, 4)} went back from ${seen.floor} to ${offset}`)
    const stays = Math.min(offset, ...[...story.doubtful].map(({ from }) => from))
    if (seen.epoch === story.epoch) story.told = Math.max(story.told, stays)
    await this.#compare(story, offset, seen.epoch)
  }

  async #compare(story: Story, offset: number, epoch: number): Promise<void> {
    const { catalog, blobs } = this.#world.machine
    const upload = await catalog.findUpload(story.id)
    if (upload === undefined || (upload.state.kind !== 'open' && upload.state.kind !== 'finishing')) return
    // The first bytes make the file.
    if (offset === 0) return
    const stored = await collect(blobs.read(upload.segment, 0, offset)).catch(() => undefined)
    if (stored === undefined) {
      // A request that was too long may have been taken back since.
      if (story.epoch === epoch && story.doubtful.size === 0)
        this.#blame(`${offset} bytes were shown, fewer are there`)
      return
    }
    if (!stored.equals(story.content.subarray(0, offset))) this.#blame('other bytes than the client sent')
  }

  #published(story: Story, version: string): void {
    if (story.version !== undefined && story.version !== version) this.#blame('published twice')
    if (story.conflict) this.#blame('a conflict turned into an object')
    story.version = version
  }

  /** Runs a request; its outcome is checked when it comes, unless the process died with it. */
  #follow(
    name: string,
    run: (uploads: RunningEngine['uploads']) => Promise<void>,
    refused: (error: UploadError) => void = () => {},
  ): void {
    const engine = this.#engine
    if (engine === undefined) return
    const process = this.#process
    const work = run(engine.uploads).catch((error: unknown) => {
      if (process.dead) return
      if (error instanceof UploadError) {
        this.#log(`  ${name}: ${error.code}`)
        refused(error)
      } else if (!(error instanceof Error && error.name === 'AbortError')) {
        this.#blame(`${name} threw ${error instanceof Error ? error.stack : String(error)}`)
      }
    })
    this.#open.add(work)
    void work.then(() => this.#open.delete(work))
  }

  async #start(): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      this.#fate = this.#newFate()
      // The first tries may die in the middle of repair.
      if (tries > 0 && tries < 4 && this.#random.chance(0.4))
        this.#fate.callsLeft = 1 + this.#random.below(12)
      this.#process = startProcess(this.#world.machine, this.#fate)
      let failed = false
      const starting = startEngine({
        catalog: this.#remembers ? rememberUploads(this.#process.catalog) : this.#process.catalog,
        blobs: this.#process.blobs,
        log: createLog('silent'),
        now: Date.now,
        limits: { maxSize: MAX_SIZE, ttl: TTL, everyAck: this.#everyAck },
        idleTimeout: 60_000,
      }).catch((error: unknown) => {
        failed = true
        if (!this.#process.dead) this.#blame(`the start threw ${String(error)}`)
        return undefined
      })
      this.#engine = await this.#patiently(starting)
      if (!failed) return
      this.#log('died while starting')
      await this.#process.quiet()
      if (this.#random.chance(0.3))
        await cutPower(this.#world.machine, (bytes) => this.#random.below(bytes + 1))
      if (tries > 20) throw new Error('the engine does not start')
    }
  }

  async #restart(otherBoot: boolean): Promise<void> {
    this.#log(otherBoot ? 'power cut' : 'restart')
    this.#process.kill()
    this.#faults = 0
    const old = this.#engine
    for (const request of this.#requests) this.#breakOff(request)
    await this.#patiently(Promise.allSettled([...this.#open]))
    this.#requests.clear()
    await this.#patiently(Promise.allSettled([old?.closeTransfers(), old?.close()]))
    await this.#patiently(this.#process.quiet())
    if (otherBoot) await cutPower(this.#world.machine, (bytes) => this.#random.below(bytes + 1))
    for (const story of this.#stories) {
      // Cancelling may have taken effect without its answer; bytes that no sync covered may be gone.
      story.doubtful.clear()
      if (otherBoot) this.#mayGoBack(story)
      else story.epoch += 1
    }
    await this.#start()
  }

  /** No more faults: every upload that is not gone can be brought to its end by a client that behaves. */
  async #end(): Promise<void> {
    this.#log('end')
    this.#faults = 0
    this.#fate.callsLeft = undefined
    for (const request of this.#requests) this.#breakOff(request)
    await this.#patiently(Promise.allSettled([...this.#open]))
    if (this.#process.dead) await this.#restart(false)
    this.#check()
    for (const story of this.#stories) await this.#patiently(this.#complete(story))
    this.#check()
    await this.#verifyObjects()
    // An object that was answered for is there after a power cut, too.
    if (this.#random.chance(0.5)) await this.#restart(true)
    // What expired, was cancelled or failed goes; what is an object stays.
    for (let round = 0; round < 4; round += 1) {
      this.#world.jump(TTL + GRACE)
      await this.#world.advance(SWEEP_EVERY)
      await this.#calm()
    }
    await this.#verifyObjects()
    await this.#verifyNothingElse()
    this.#check()
    await this.#patiently(this.#engine?.closeTransfers() ?? Promise.resolve())
    await this.#patiently(this.#engine?.close() ?? Promise.resolve())
  }

  async #complete(story: Story): Promise<void> {
    const { uploads } = this.#engine ?? {}
    if (uploads === undefined || story.gone) return
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        const found = await (story.byWord
          ? uploads.inspectByWord(story.id, () => true)
          : uploads.inspect(story.id, () => true))
        if (found.kind === 'failed') return this.#failed(story, found.upload)
        if (found.kind === 'finished' && found.finished.kind === 'published')
          return this.#published(story, found.finished.answer.version)
        await this.#reported(story, found.offset, { epoch: story.epoch, floor: story.told, gone: false })
        const rest = story.content.subarray(found.offset)
        const outcome = await uploads.append(story.id, () => true, {
          offset: found.offset,
          declared: rest.byteLength,
          length: story.content.byteLength,
          ends: story.byWord ? 'here' : 'at-length',
          checksum: undefined,
          open: () => Readable.from(pieces(rest, this.#random), { objectMode: false }),
          signal: new AbortController().signal,
        })
        await this.#appended(story, outcome, {
          epoch: story.epoch,
          floor: 0,
          gone: false,
          garbage: false,
          offset: 0,
        })
      } catch (error) {
        if (!(error instanceof UploadError)) throw error
        this.#log(`  complete ${story.id.slice(0, 4)}: ${error.code}`)
        this.#refusal(story, error)
        if (error.code === 'gone' || error.code === 'not-found' || error.code === 'conflict') return
      }
    }
    this.#blame(`${story.id.slice(0, 4)} could not be completed`)
  }

  async #verifyObjects(): Promise<void> {
    const { catalog, blobs } = this.#world.machine
    for (const story of this.#stories) {
      if (story.version === undefined) continue
      const object = await catalog.findObject('b', story.key)
      // Another upload to the shared key may have replaced it.
      if (object?.version !== story.version) {
        if (story.key !== 'shared' || object === undefined) this.#blame('a published object is not there')
        continue
      }
      const stored: Buffer[] = []
      for (const { segment, length, start = 0 } of object.segments)
        stored.push(await collect(blobs.read(segment, start, start + length)))
      if (!Buffer.concat(stored).equals(story.content)) this.#blame('an object has other bytes')
    }
  }

  async #verifyNothingElse(): Promise<void> {
    const { catalog, blobs } = this.#world.machine
    const needed = (await catalog.objects(undefined, 1000)).flatMap(({ segments }) => segments)
    // Open for the next small body.
    const held = await catalog.heldPacks()
    const kept = new Set([...needed.map(({ segment }) => segment), ...held])
    if (held.length > 1) this.#blame('more than one pack is held')
    for (const segment of await all(blobs.list()))
      if (!kept.has(segment)) this.#blame(`the bytes of ${segment.slice(0, 4)} were never removed`)
    const { uploads, objects } = await catalog.counts()
    if (uploads.open + uploads.finishing > 0) {
      const [left] = await catalog.unfinished(undefined, 1)
      const length = left && (await blobs.inspect(left.segment))?.length
      this.#blame(`an upload neither ended nor expired: ${JSON.stringify(left)}, ${length} bytes there`)
    }
    if (objects !== (await catalog.objects(undefined, 1000)).length) this.#blame('the counts are wrong')
  }

  #newFate(): Fate {
    return {
      callsLeft: undefined,
      diesAfterEffect: this.#random.chance(0.5),
      fault: () => {
        if (this.#faults === 0 || this.#random.chance(0.6)) return 'none'
        this.#faults -= 1
        return this.#random.chance(0.5) ? 'no-space' : 'unavailable'
      },
      part: (bytes) => this.#random.below(bytes + 1),
      unsynced: (segment) => {
        for (const story of this.#stories) {
          if (story.segment === segment) this.#mayGoBack(story)
        }
      },
    }
  }

  /** Bytes that no sync covered are lost; those that were told of what must stay were covered. */
  #mayGoBack(story: Story): void {
    story.epoch += 1
    if (!this.#everyAck && !story.byWord) story.told = 0
  }

  /** Waits for something that needs the clock to move on; nothing may take longer than a few minutes of it. */
  async #patiently<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const settled = promise.finally(() => {
      done = true
    })
    settled.catch(() => {})
    for (let waited = 0; !done; waited += 1) {
      await this.#world.turn()
      if (waited > 10 && !done) await this.#world.advance(200)
      if (waited > 2000) throw new Error(`it hangs\n${this.trace}`)
    }
    return settled
  }

  /** Until the engine does nothing more by itself. */
  async #calm(): Promise<void> {
    for (let calls = -1; calls !== this.#process.calls; ) {
      calls = this.#process.calls
      await this.#process.quiet()
      await this.#world.turn()
    }
  }

  #log(what: string): void {
    this.#trace.push(what)
  }

  #blame(what: string): void {
    this.#log(`WRONG: ${what}`)
    this.#wrong.push(what)
  }

  #check(): void {
    if (this.#wrong.length > 0) throw new Error(`${this.#wrong.join('; ')}\n${this.trace}`)
  }
}

/** Cuts bytes into random pieces, some of one byte. */
function pieces(bytes: Buffer, random: Random): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const size = random.chance(0.2) ? 1 : 1 + random.below(Math.max(1, bytes.byteLength / 2))
    cut.push(bytes.subarray(at, at + size))
    at += size
  }
  return cut
}
