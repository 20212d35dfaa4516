// Imports go one way. Packages: protocol ← client, server ← cli, web. Inside the server: faces and the engine
// know the interfaces of stores and catalogs; only the places that put the server together know the rest.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

/** For each folder under packages/, the folders that it may import. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  client: ['protocol'],
  server: ['protocol'],
  cli: ['protocol', 'client', 'server'],
  web: ['protocol', 'client', 'server'],
  emulators: [],
}
/** What tests may import besides. */
const testsMayImport = ['emulators']

/** Rules for sources inside packages/server/src: files `of` must not import what matches `never`. */
const insideServer = [
  {
    of: /^http\//,
    never: /^((node:)?(fs|fs\/promises|sqlite)|(blobs|catalog)\/[^/]+\/.*)$/,
    because: 'a face opens no file, writes no SQL and knows no store',
  },
  { of: /^uploads\//, never: /^http\//, because: 'the engine knows no face' },
  {
    of: /^(?!(server|main|check|index)\.ts$)/,
    never: /^(blobs|catalog)\/[^/]+\/.*/,
    because: 'only server.ts, main.ts, check.ts and index.ts name an implementation',
  },
]

export type Violation = Readonly<{ file: string; line: number; imported: string; because: string }>

/** Checks every TypeScript file under `root`/packages, type-only imports included. */
export function findViolations(root: string): Violation[] {
  const violations: Violation[] = []
  const folders = readdirSync(join(root, 'packages'))
  const folderOf = new Map(folders.map((folder) => [packageName(join(root, 'packages', folder)), folder]))

  for (const folder of folders) {
    const allowed = mayImport[folder]
    for (const file of sources(join(root, 'packages', folder))) {
      const path = relative(root, file).split(sep).join('/')
      for (const { specifier, line } of importsOf(file)) {
        const report = (because: string) =>
          violations.push({ file: path, line, imported: specifier, because })
        // What is imported, as a path from the root, or a package's name with the path inside it.
        const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
        const name = target.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? target
        const other = target.startsWith('packages/') ? target.split('/')[1] : folderOf.get(name)
        if (other !== undefined && other !== folder) {
          if (allowed === undefined) report(`packages/${folder} has no place in the order of packages yet`)
          else if (!allowed.includes(other) && !(isTest(path) && testsMayImport.includes(other)))
            report(`${folder} must not import ${other}`)
          else if (specifier.startsWith('.') && !isTest(path))
            report('another package is imported by its name')
        }
        if (
          !path.startsWith('packages/server/src/') ||
          path.endsWith('.test.ts') ||
          path.includes('/testing/')
        )
          continue
        const from = path.slice('packages/server/src/'.length)
        const to = target.replace('packages/server/src/', '')
        const rule = insideServer.find(
          (rule) => rule.of.test(from) && rule.never.test(to) && !sameFolder(from, to),
        )
        if (rule) report(rule.because)
      }
    }
  }
  return violations
}

function isTest(path: string): boolean {
  return path.includes('/test/') || path.endsWith('.test.ts')
}

/** Files of one implementation (blobs/disk/, catalog/sqlite/ …) know each other. */
function sameFolder(from: string, to: string): boolean {
  const [a, b] = [from, to].map((path) => path.split('/').slice(0, 2).join('/'))
  return a === b
}

function packageName(folder: string): string | undefined {
  const path = join(folder, 'package.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).name : undefined
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[mc]?tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/[\\/](node_modules|dist)[\\/]/.test(path))
}

type Import = Readonly<{ specifier: string; line: number }>

/** Everything that a file imports or re-exports: statically, with import(), in a type, or as a worker's URL. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const parsed = parseSync(file, text)
  // A file that cannot be read must not pass as a file that imports nothing.
  if (parsed.errors.length > 0) throw new Error(`${file}: ${parsed.errors[0]?.message}`)
  const found: Import[] = []
  const add = (node: unknown) => {
    const literal = node as { type?: string; value?: unknown; start: number } | null
    if (literal?.type !== 'Literal' || typeof literal.value !== 'string') return
    found.push({ specifier: literal.value, line: text.slice(0, literal.start).split('\n').length })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    NewExpression: (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'URL') return
      const [address] = node.arguments
      // The ending of a worker's file depends on whether it was built: `./worker${ending}` leads to the same place.
      if (address?.type === 'TemplateLiteral')
        add({ type: 'Literal', value: address.quasis[0]?.value.cooked, start: address.start })
      else add(address)
    },
    CallExpression: (node) => {
      const { callee } = node
      const called = callee.type === 'MemberExpression' ? callee.property : callee
      if (called.type === 'Identifier' && /^(require|getBuiltinModule)$/.test(called.name))
        add(node.arguments[0])
    },
  }).visit(parsed.program)
  return found
}
