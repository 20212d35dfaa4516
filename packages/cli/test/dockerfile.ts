/**
 * Follows a Dockerfile without Docker: each stage is a folder, `RUN` runs in it as this user on this system, `COPY` heeds
 * .dockerignore. Only what deploy/Dockerfile uses; everything else is an error.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { dirname, join, matchesGlob, relative } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Stage {
  /** Its `/`. */
  readonly folder: string
  workdir: string
  readonly env: Record<string, string>
  user: string | undefined
  entrypoint: readonly string[]
  health: readonly string[]
}

interface Build {
  /** The folder with the files that Docker would be given. */
  readonly context: string
  readonly dockerfile: string
  /** An empty folder for the stages. */
  readonly to: string
  /** Stands in for a `RUN` and says so with `true`. */
  readonly instead?: (command: string, workdir: string) => Promise<boolean>
  readonly env: NodeJS.ProcessEnv
}

/** @returns the last stage */
export async function followDockerfile({ context, dockerfile, to, instead, env }: Build): Promise<Stage> {
  const ignored = await ignores(context)
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const line of linesOf(await readFile(dockerfile, 'utf8'))) {
    const [word = '', rest = ''] = line.split(/ (.*)/s)
    if (word === 'FROM') {
      const [, image = '', name = `${stages.size}`] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? []
      if (!image.startsWith('node:24')) throw new Error(`no stage can begin with ${image}`)
      const folder = join(to, name)
      await mkdir(folder)
      stage = { folder, workdir: folder, env: {}, user: undefined, entrypoint: [], health: [] }
      stages.set(name, stage)
      continue
    }
    if (stage === undefined) throw new Error(`${word} comes before FROM`)
    if (word === 'WORKDIR') {
      stage.workdir = join(stage.folder, rest)
      await mkdir(stage.workdir, { recursive: true })
    } else if (word === 'COPY') {
      const [, from, source = '', target = ''] = /^(?:--from=(\S+) )?(\S+) (\S+)$/.exec(rest) ?? []
      const to = join(stage.workdir, target)
      await mkdir(dirname(to), { recursive: true })
      if (from === undefined) {
        const filter = (path: string): boolean => !ignored(relative(context, path))
        await cp(join(context, source), to, { recursive: true, verbatimSymlinks: true, filter })
      } else {
        const there = stages.get(from)?.folder
        if (there === undefined) throw new Error(`there is no stage ${from}`)
        // Nothing changes a file of the earlier stage any more: a second name is as good as a copy.
        await run('cp', ['-alT', join(there, source), to])
      }
    } else if (word === 'RUN') {
      if (await instead?.(rest, stage.workdir)) continue
      await run('/bin/sh', ['-c', rest], { cwd: stage.workdir, env: { ...env, ...stage.env } })
    } else if (word === 'ENV') {
      for (const pair of rest.split(' ')) stage.env[pair.split('=')[0] ?? ''] = pair.split('=')[1] ?? ''
    } else if (word === 'USER') stage.user = rest
    else if (word === 'ENTRYPOINT') stage.entrypoint = words(rest)
    else if (word === 'HEALTHCHECK') stage.health = words(rest.split('CMD ')[1] ?? '')
    else if (!['VOLUME', 'EXPOSE', 'STOPSIGNAL'].includes(word)) throw new Error(`${word} is not known here`)
  }
  if (stage === undefined) throw new Error(`${dockerfile} has no stage`)
  return stage
}

/** Only the form without a shell: a shell would be process 1, and keep signals for itself. */
function words(text: string): string[] {
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) throw new Error(`${text} is no list of words`)
  return parsed.map(String)
}

function linesOf(text: string): string[] {
  return text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, '')
    .split('\n')
    .filter((line) => line !== '')
}

async function ignores(context: string): Promise<(path: string) => boolean> {
  const patterns = linesOf(await readFile(join(context, '.dockerignore'), 'utf8'))
  return (path) => patterns.some((pattern) => matchesGlob(path, pattern))
}
