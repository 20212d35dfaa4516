/**
 * The pages of the site do what they say: every block of TypeScript and of a shell runs, in the order of its page, on
 * a server that is really there. A block that cannot run says why behind its language: ```sh no-test: …. Those of the
 * adapters' pages run in packages/client/test/docs.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, MIB } from '../../server/test/content.ts'
import { exampleEnv } from '../../server/test/example-folder.ts'
import { type Pawl, serverEnv, startPawl } from '../../server/test/process.ts'
import { create, offsetOf, patch, sha256Of } from '../../server/test/wire.ts'
import { commands } from '../src/commands.ts'

const root = join(import.meta.dirname, '../../..')
const docs = join(root, 'docs')
const run = promisify(execFile)

interface Block {
  readonly language: string
  /** What stands behind the language. */
  readonly note: string
  readonly code: string
  /** The block of text right behind it: what it prints. */
  readonly prints: string | undefined
}

const pages = globSync(['*.md', '{guides,operations,reference}/*.md'], { cwd: docs }).sort()
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(join(docs, page), 'utf8')] as const)),
)

function blocksOf(page: string): Block[] {
  const found = [...(texts.get(page) ?? '').matchAll(/^```(\w+)(?: (.*))?\n([\s\S]*?)^```$/gm)]
  return found.map((match, at) => {
    const next = found[at + 1]
    const between = (texts.get(page) ?? '').slice(match.index + match[0].length, next?.index)
    const prints = next?.[1] === 'text' && between.trim() === '' ? next[3] : undefined
    return { language: match[1] ?? '', note: match[2] ?? '', code: match[3] ?? '', prints }
  })
}

let pawl: Pawl
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  pawl = await startPawl()
  // Inside the repository, so that `pawl` is found.
  await mkdir(join(root, '.cache'), { recursive: true })
  folder = await mkdtemp(join(root, '.cache/docs-'))
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const main = join(root, 'packages/cli/src/main.ts')
  await writeFile(join(bin, 'pawl'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  await chmod(join(bin, 'pawl'), 0o755)
  const { PAWL_SERVICE_KEY: service } = exampleEnv(pawl)
  env = {
    ...serverEnv(),
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    PAWL_SERVICE_KEY: service,
    SERVICE_KEY: service,
    PAWL: pawl.url,
    ID: 'evt_0',
    DATA: pawl.dataDir,
    BACKUP: join(folder, 'backup'),
    RESTORED: join(folder, 'restored'),
  }
}, 120_000)
afterAll(async () => {
  await pawl?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** A folder with the files that pages speak of. */
async function desk(page: string): Promise<string> {
  const at = join(folder, page.replaceAll('/', '-'))
  await mkdir(join(at, 'photos'), { recursive: true })
  for (const name of ['db.tar', 'video.mp4', 'a.bin', 'me.jpg', 'photos/a.jpg'])
    await writeFile(join(at, name), randomBytes(300_000))
  return at
}

const runnable = (page: string) =>
  blocksOf(page).filter(({ language, note }) => /^(ts|sh)$/.test(language) && !note.startsWith('no-test: '))

async function runBlocks(page: string): Promise<void> {
  const cwd = await desk(page)
  const here = { ...env, XDG_STATE_HOME: join(cwd, 'state') }
  for (const [at, { language, note, code, prints }] of runnable(page).entries()) {
    const led = code.replaceAll('http://127.0.0.1:8080', pawl.url).replaceAll('/var/lib/pawl', pawl.dataDir)
    if (note === 'stopped') await pawl.terminate()
    const name = join(cwd, `${at}.${language}`)
    await writeFile(name, led)
    const [command, args] = language === 'ts' ? [process.execPath, [name]] : ['bash', ['-eu', name]]
    const { stdout } = await run(command, args, { cwd, env: here })
    if (note === 'stopped') await pawl.restart()
    if (prints !== undefined) expect(stdout, `block ${at}`).toBe(prints)
  }
}

const BACK_UP = 'operations/back-up.md'
const others = pages.filter((page) => runnable(page).length > 0 && page !== BACK_UP)
test.each(others)('the blocks of %s run', runBlocks)

test.runIf(existsSync('/usr/bin/rsync'))(
  `the blocks of ${BACK_UP} run, and what was restored goes on`,
  async () => {
    const bytes = contentOf('back up').bytes(0, 2 * MIB)
    const whole = await create(pawl.url, bytes.length)
    expect((await patch(whole, 0, bytes)).status).toBe(204)
    const half = await create(pawl.url, bytes.length)
    expect((await patch(half, 0, bytes.subarray(0, MIB))).status).toBe(204)
    await runBlocks(BACK_UP)
    // What comes after the backup is not in it, and does not disturb it.
    expect((await patch(half, MIB, bytes.subarray(MIB))).status).toBe(204)
    const dataDir = join(folder, 'restored')
    const restored = await startPawl({ dataDir })
    try {
      const there = (url: string): string => url.replace(pawl.url, restored.url)
      expect(await sha256Of(there(whole))).toBe(contentOf('back up').sha256(bytes.length))
      expect(await offsetOf(there(half))).toBe(MIB)
      expect((await patch(there(half), MIB, bytes.subarray(MIB))).status).toBe(204)
      expect(await sha256Of(there(half))).toBe(contentOf('back up').sha256(bytes.length))
    } finally {
      await restored.terminate()
    }
    const checked = await run('pawl', ['check', '--data', dataDir, '--digests'], { env })
    expect(checked.stdout).toMatch(/^[1-9]\d* objects, \d+ unfinished uploads, 0 findings\n$/)
  },
)

describe('the reference', () => {
  test('names every command of pawl --help, and no other', () => {
    const table = [...(texts.get('cli.md') ?? '').matchAll(/^\| .*?`pawl (\w+)`.*$/gm)]
    const named = table.flatMap(([row]) =>
      [...(row.split('|')[1] ?? '').matchAll(/`(?:pawl )?(\w+)`/g)].map(([, name]) => name),
    )
    expect(named.toSorted()).toEqual(commands.map(({ name }) => name).toSorted())
  })

  test('names every option that the help of a command does', async () => {
    const page = texts.get('cli.md') ?? ''
    for (const { name, help } of commands) {
      // The settings of the server have a page of their own, which another test compares.
      if (name === 'serve') continue
      const text = typeof help === 'string' ? help : await help()
      const options = [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([option]) => option)
      for (const option of options) if (option !== '--help') expect(page, `pawl ${name}`).toContain(option)
    }
  })

  test('has the routes of the OpenAPI documents, and no other', async () => {
    const described: string[] = []
    for (const at of ['/storage/v1', '/site-media/v1']) {
      const { paths } = (await (await fetch(`${pawl.url}${at}/openapi.json`)).json()) as {
        paths: Record<string, Record<string, { summary: string }>>
      }
      for (const [path, methods] of Object.entries(paths))
        for (const [method, { summary }] of Object.entries(methods))
          if (method !== 'head' || !('get' in methods))
            described.push(`| \`${method.toUpperCase()} ${path}\` | ${summary} |`)
    }
    const listed = (texts.get('reference/routes.md') ?? '').match(/^\| `[A-Z]+ .*$/gm) ?? []
    expect(listed.toSorted()).toEqual(described.toSorted())
  })

  test('every block that does not run says why', () => {
    for (const page of pages)
      for (const { language, note, code } of blocksOf(page))
        if (/^(ts|sh)$/.test(language) && note !== '' && note !== 'stopped')
          expect(note, `${page}: ${code}`).toMatch(/^no-test: \S/)
  })
})
