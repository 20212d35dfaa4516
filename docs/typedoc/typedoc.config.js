// What the packages export, as pages in docs/reference/api. Types are checked by `npm run check`.
import { readFileSync } from 'node:fs'

const entriesOf = (folder) => {
  const manifest = readFileSync(new URL(`../../packages/${folder}/package.json`, import.meta.url), 'utf8')
  return Object.values(JSON.parse(manifest).exports).map(
    (path) => `../../packages/${folder}/${path.slice(2)}`,
  )
}

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  plugin: ['typedoc-plugin-markdown'],
  tsconfig: './tsconfig.json',
  entryPoints: [...entriesOf('client'), ...entriesOf('server')],
  skipErrorChecking: true,
  out: '../reference/api',
  router: 'module',
  readme: 'none',
  name: 'API',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  excludePrivate: true,
  disableSources: true,
  useHTMLEncodedBrackets: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  logLevel: 'Error',
}
