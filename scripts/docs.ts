// `npm run docs`: the documentation as a site in build/docs. The reference of the API is made first, from the
// sources, by a TypeDoc with a TypeScript of its own.
import { spawn } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { install } from './install.mjs'
import { root } from './tool.ts'

const docs = join(root, 'docs')
const say = (line: string) => console.error(line)

async function tool(folder: string, script: string, args: readonly string[]): Promise<void> {
  const path = join(folder, 'node_modules', script)
  const child = spawn(process.execPath, [path, ...args], { cwd: folder, stdio: ['ignore', 2, 2] })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve))
  if (code !== 0) throw new Error(`${relative(root, path)} ended with ${code}; the lines above say why.`)
}

/** Pages are named after files; people know modules by what they import. Names that it counts twice stand there once. */
function nameModules(): void {
  const names = ['client', 'server'].flatMap((folder) => {
    const manifest: { name: string; exports: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
    )
    return Object.entries(manifest.exports).map(
      ([entry, path]) =>
        [
          `${folder}/${path.slice(2).replace(/(\/index)?\.ts$/, '')}`,
          entry.replace('.', manifest.name),
        ] as const,
    )
  })
  for (const page of globSync('reference/api/**/*.md', { cwd: docs })) {
    let text = readFileSync(join(docs, page), 'utf8')
    for (const [file, name] of names)
      text = text.replace(`# ${file}\n`, `# ${name}\n`).replaceAll(`[${file}](`, `[${name}](`)
    const headings = text.match(/(?<=^#+ ).+$/gm)?.map((heading) => heading.toLowerCase()) ?? []
    const once = (link: string, name: string): string =>
      headings.filter((heading) => heading === name).length === 1 ? `](#${name})` : link
    writeFileSync(join(docs, page), text.replace(/\]\(#([a-z]+)-1\)/g, once))
  }
}

try {
  rmSync(join(docs, 'reference/api'), { recursive: true, force: true })
  for (const folder of [docs, join(docs, 'typedoc')]) await install(folder, { dev: true, say })
  await tool(join(docs, 'typedoc'), 'typedoc/bin/typedoc', [])
  nameModules()
  await tool(docs, 'vitepress/bin/vitepress.js', ['build'])
  console.log(`The site is in ${relative(process.cwd(), join(root, 'build/docs'))}.`)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
