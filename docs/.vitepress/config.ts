/** The documentation as a site: `npm run docs`. What is in a folder of pages is in its part of the navigation. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type DefaultTheme, defineConfig } from 'vitepress'

const docs = dirname(import.meta.dirname)
const read = (page: string): string => readFileSync(join(docs, page), 'utf8')

/** Pages of the first folder level that stand somewhere by name; every other page there is listed under "More". */
const GUIDES = ['storage.md', 'let-others-upload.md', 'resumable-http.md', 'react.md']
const REFERENCE = ['cli.md', 'settings.md', 'limits.md', 'events.md', 'metrics.md']
const NAMED = ['index.md', 'quick-start.md', 'how-it-works.md', 'comparison.md', ...GUIDES, ...REFERENCE]

const item = (page: string): DefaultTheme.SidebarItem => ({
  text: titleOf(page),
  link: `/${page.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`,
})
const items = (pattern: string): DefaultTheme.SidebarItem[] =>
  globSync(pattern, { cwd: docs }).sort().map(item)
const others = globSync('*.md', { cwd: docs }).filter((page) => !NAMED.includes(page))

function titleOf(page: string): string {
  return /^# (.+)$/m.exec(read(page))?.[1]?.replaceAll('`', '') ?? page
}

const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: 'Start',
    items: [
      { text: 'What it is', link: '/' },
      item('quick-start.md'),
      item('how-it-works.md'),
      item('comparison.md'),
    ],
  },
  { text: 'Guides', items: [...items('guides/*.md'), ...GUIDES.map(item)] },
  { text: 'Adapters', collapsed: true, items: items('adapters/*.md') },
  { text: 'Operations', items: [...items('operations/*.md'), ...others.map(item)] },
  { text: 'Reference', items: [...REFERENCE.map(item), ...items('reference/*.md')] },
  { text: 'API', collapsed: true, items: items('reference/api/**/*.md') },
  { text: 'Design', collapsed: true, items: items('design/*.md') },
]

export default defineConfig({
  title: 'Pawl',
  description: 'Resumable uploads that never lose an accepted byte',
  lang: 'en',
  cleanUrls: false,
  outDir: join(docs, '../build/docs'),
  srcExclude: ['typedoc/**', 'node_modules/**'],
  head: [['link', { rel: 'icon', href: '/favicon.svg', type: 'image/svg+xml' }]],
  vite: {
    // Its esbuild does not know the newest target of the repository's settings.
    esbuild: { tsconfigRaw: {} },
    // The mark of the page, which is the site's too.
    publicDir: join(docs, '../packages/web/public'),
  },
  markdown: {
    config(md) {
      // Files of the repository are not pages: their names stay, as text.
      md.core.ruler.push('leave-the-repository-out', ({ tokens, env }) => {
        for (const { children } of tokens) {
          let depth = 0
          for (const token of children ?? []) {
            const href = token.type === 'link_open' ? (token.attrGet('href') ?? '') : ''
            if (token.type === 'link_open' && isElsewhere(href, String(env.path))) {
              token.tag = 'span'
              token.attrs = [['title', href.replace(/^(\.\.\/)+/, '')]]
              depth++
            } else if (token.type === 'link_close' && depth > 0) {
              token.tag = 'span'
              depth--
            }
          }
        }
      })
    },
  },
  themeConfig: {
    logo: '/favicon.svg',
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Guides', link: '/guides/resume' },
      { text: 'Reference', link: '/cli' },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
  },
})

function isElsewhere(href: string, from: string): boolean {
  const [file = ''] = href.split('#')
  if (file === '' || /^([a-z][a-z\d+.-]*:|\/)/i.test(href)) return false
  const path = join(dirname(from), decodeURIComponent(file))
  return relative(docs, path).startsWith('..') || (existsSync(path) && !path.endsWith('.md'))
}
