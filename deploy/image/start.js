// The server of the image: that of `pawl serve`, and the page.
import { join } from 'node:path'
import { main } from '@pawl/server'

await main(process.argv.slice(2), process.env, { pageDir: join(import.meta.dirname, 'page') })
