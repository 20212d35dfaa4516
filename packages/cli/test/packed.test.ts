/**
 * What is published, in an empty folder: server and command line on this Node, the client on every runtime that it
 * names. `PAWL_FULL=1` installs it from the registry, as a person would.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, MIB } from '../../server/test/content.ts'
import { serverEnv } from '../../server/test/process.ts'
import { digestAt } from './pawl.ts'
import { env, installInto, unpackInto } from './unpacked.ts'

const SIZE = 6 * MIB
const PART = MIB
const RATE = 3 * MIB
const digest = contentOf('packed').sha256(SIZE)

/** In folders of their own; see test/runtimes. On other systems than Linux they are not there. */
const installed = join(import.meta.dirname, '../../../test/runtimes/node_modules')
const RUNTIMES: readonly [name: string, binary: string, args: readonly string[], version: RegExp][] = [
  ['Node 24', process.execPath, [], /^v(2[4-9]|[3-9]\d)\./],
  ['Node 22', 'node-22-linux-x64/bin/node', [], /^v22\./],
  ['Bun', '@oven/bun-linux-x64/bin/bun', [], /^1\./],
  ['Deno', '@deno/linux-x64-glibc/deno', ['run', '--allow-all'], /^deno 2\./],
]

/** An upload as an application writes it: the second run goes on where the first one was. */
const APPLICATION = `
import { Files } from 'pawl'
import { fileStore, fromPath } from 'pawl/node'
import { tus } from 'pawl/tus'

const [path, endpoint, store] = process.argv.slice(2)
const files = new Files({ adapter: tus({ endpoint }) })
const result = await files.upload('application.bin', fromPath(path), {
  resume: fileStore(store),
  maxBytesPerSecond: ${RATE},
  multipart: { partSize: ${PART} },
  onProgress: ({ loaded }) => console.log(JSON.stringify({ loaded })),
})
console.log(JSON.stringify({ url: result.url }))
`

let folder = ''
let file = ''
let url = ''
let server: Running
const running = new Set<ChildProcess>()

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pawl-packed-')))
  await (process.env.PAWL_FULL === '1' ? installInto : unpackInto)(folder)
  file = join(folder, 'file.bin')
  await writeFile(file, contentOf('packed').bytes(0, SIZE))
  await writeFile(join(folder, 'application.mjs'), APPLICATION)
  server = npx(['pawl', 'serve', '--dev', '--port', '0', '--data', 'data'])
  url = (await server.shows(/"url":"([^"]+)".*"listening"/))[1] ?? ''
}, 300_000)
afterAll(async () => {
  for (const child of running) end(child, 'SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('npx pawl upload goes on with npx pawl resume after a Ctrl-C', async () => {
  const pace = ['--limit-rate', String(RATE), '--part-size', String(PART)]
  const first = npx(['pawl', 'upload', file, `${url}/files/`, '--json', ...pace])
  const [, before] = await first.shows(/"loaded":([1-9]\d*)/)
  end(first.child, 'SIGINT')
  // npx itself has the signal's code; what it started closes the pipe when it has paused.
  expect((await first.ended).output).toContain('"event":"paused"')
  const second = npx(['pawl', 'resume', '--json'])
  const { code, output } = await second.ended
  expect([code, output]).toEqual([0, expect.stringContaining('"event":"done"')])
  expect(Number(/"loaded":(\d+)/.exec(output)?.[1])).toBeGreaterThanOrEqual(Number(before))
  expect(await digestAt(/"url":"([^"]+)"/.exec(output)?.[1] ?? '')).toBe(digest)
})

describe('the client', () => {
  test.runIf(process.platform === 'linux' && process.arch === 'x64')('is tested on all of them', () => {
    for (const [, binary] of RUNTIMES) expect(existsSync(pathOf(binary)), binary).toBe(true)
  })

  const here = RUNTIMES.filter(([, binary]) => existsSync(pathOf(binary)))
  test.each(here)('goes on after a kill -9 on %s', async (name, binary, args, version) => {
    const command = pathOf(binary)
    await chmod(command, 0o755)
    expect((await start(command, ['--version']).ended).output).toMatch(version)
    const application = [...args, 'application.mjs', file, `${url}/files/`, `sessions of ${name}`]
    const first = start(command, application)
    const [, before] = await first.shows(/"loaded":([1-9]\d*)/)
    end(first.child, 'SIGKILL')
    await first.ended
    const second = start(command, application)
    const { code, output } = await second.ended
    expect([code, output]).toEqual([0, expect.stringContaining('"url"')])
    expect(Number(/"loaded":(\d+)/.exec(output)?.[1])).toBeGreaterThanOrEqual(Number(before))
    expect(await digestAt(/"url":"([^"]+)"/.exec(output)?.[1] ?? '')).toBe(digest)
  })

  test.each(here)('every entry can be imported on %s', async (_name, binary, args) => {
    const manifest: { exports: Record<string, unknown> } = JSON.parse(
      await readFile(join(folder, 'node_modules/pawl/package.json'), 'utf8'),
    )
    const entries = Object.keys(manifest.exports).map((entry) => entry.replace('.', 'pawl'))
    const lines = entries.filter((entry) => entry !== 'pawl/react').map((it) => `await import('${it}')`)
    await writeFile(join(folder, 'entries.mjs'), `${lines.join('\n')}\nconsole.log('all there')\n`)
    const { code, output } = await start(pathOf(binary), [...args, 'entries.mjs']).ended
    expect([code, output]).toEqual([0, 'all there\n'])
  })
})

test('the server that npx started ends when it is told to, and its data are whole', async () => {
  end(server.child, 'SIGTERM')
  await server.ended
  const { code, output } = await npx(['pawl', 'check', '--data', 'data', '--digests']).ended
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(/^[1-9]\d* objects, 0 unfinished uploads, 0 findings\n$/),
  ])
})

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
  /** Waits until it is printed. */
  shows(pattern: RegExp): Promise<RegExpExecArray>
}

const pathOf = (binary: string): string => (binary.startsWith('/') ? binary : join(installed, binary))
const npx = (args: readonly string[]): Running => start('npx', ['--no', '--', ...args])

function start(command: string, args: readonly string[]): Running {
  const child = spawn(command, args, {
    cwd: folder,
    // npx starts a shell, and that the program: a signal goes to all of them, as from a terminal.
    detached: true,
    env: { ...serverEnv(), ...env({ XDG_STATE_HOME: join(folder, 'state'), NO_COLOR: '1' }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  const read = (chunk: Buffer): void => {
    output += chunk.toString()
    child.emit('output')
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    child.emit('output')
    return { code: typeof code === 'number' ? code : null, output }
  })
  return {
    child,
    ended,
    async shows(pattern) {
      for (;;) {
        const match = pattern.exec(output)
        if (match !== null) return match
        if (!running.has(child)) throw new Error(`${command} ended without ${pattern}:\n${output}`)
        await once(child, 'output')
      }
    },
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined && running.has(child)) process.kill(-child.pid, signal)
}
