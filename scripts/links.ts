// Finds links in Markdown files that lead nowhere: to a file or a heading of this repository that does not
// exist. Links to the web are not followed: a check must not depend on other people's servers.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export type BrokenLink = Readonly<{ file: string; line: number; target: string; because: string }>

/** The Markdown files that git knows or would add, as paths from `root`. */
export function markdownFiles(root: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '*.md']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0')
  return listed.filter((file) => file !== '' && existsSync(join(root, file)))
}

export function findBrokenLinks(root: string, files: readonly string[]): BrokenLink[] {
  const broken: BrokenLink[] = []
  for (const file of files) {
    const path = join(root, file)
    const text = withoutCode(readFileSync(path, 'utf8'))
    for (const match of text.matchAll(link)) {
      const target = match[1] ?? match[2] ?? match[3] ?? ''
      if (/^([a-z][a-z\d+.-]*:|\/\/)/i.test(target)) continue
      const line = text.slice(0, match.index).split('\n').length
      const because = reasonOf(root, path, target)
      if (because !== undefined) broken.push({ file, line, target, because })
    }
  }
  return broken
}

// [text](target "title"), [name]: target, and href or src of embedded HTML.
const link =
  /\]\(\s*<?([^)\s>]+)>?[^)]*\)|^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)|<(?:a|img)\s[^>]*?(?:href|src)="([^"]+)"/gm

function reasonOf(root: string, from: string, target: string): string | undefined {
  const [file = '', anchor] = decodeURIComponent(target).split('#')
  const path = file === '' ? from : file.startsWith('/') ? join(root, file) : join(dirname(from), file)
  if (relative(root, path).startsWith('..')) return 'it leaves the repository'
  if (!existsSync(path)) return 'there is no such file'
  if (anchor === undefined || !statSync(path).isFile() || !path.endsWith('.md')) return undefined
  return anchors(readFileSync(path, 'utf8')).has(anchor) ? undefined : 'there is no such heading'
}

/** Headings as GitHub names them, and ids set by hand. */
function anchors(markdown: string): Set<string> {
  const names = new Set<string>()
  for (const [, heading = ''] of withoutFences(markdown).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = text.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '').replace(/\s/g, '-')
    let name = slug
    for (let n = 1; names.has(name); n++) name = `${slug}-${n}`
    names.add(name)
  }
  for (const [, id = ''] of markdown.matchAll(/\b(?:id|name)="([^"]+)"/g)) names.add(id)
  return names
}

// Lines are blanked, not removed, so that line numbers stay right.
function withoutFences(markdown: string): string {
  return markdown.replace(/^( *)(```+|~~~+)[\s\S]*?^ *\2.*$/gm, (block) => block.replace(/[^\n]/g, ' '))
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replace(/(`+)[^`\n]+?\1/g, (code) => ' '.repeat(code.length))
}
