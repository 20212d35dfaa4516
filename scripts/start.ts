// `npm start`: builds the page if needed and runs the server in development mode.
import { main } from '../packages/server/src/main.ts'
import { buildPage } from './page.ts'

process.env.PAWL_DEV ??= '1'
await main(process.argv.slice(2), process.env, { pageDir: await buildPage() })
