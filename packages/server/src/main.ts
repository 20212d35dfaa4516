/** The server as a process: settings in, keys and URL out, signals obeyed. */
import { pathToFileURL } from 'node:url'
import { PRIVATE_BUCKET, PUBLIC_BUCKET } from './access/dev-buckets.ts'
import { readConfig, readConfigFile } from './config.ts'
import { ConfigError } from './config-error.ts'
import { tuneHeap } from './heap.ts'
import { helpText } from './help.ts'
import { MEDIA_PREFIX } from './media/descriptor.ts'
import { createServer, type PawlServer } from './server.ts'

export interface MainOptions {
  /** The built page to serve at `/`. */
  readonly pageDir?: string
}

/** One Ctrl-C may arrive two or three times: from the terminal and from the processes above. */
const SAME_SIGNAL_MS = 1000
/** Container platforms kill after 10 s. */
const CLOSE_MS = 9500

/** Runs until it is told to stop. Sets the exit code; never throws for what a person can mend. */
export async function main(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  options: MainOptions = {},
): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(helpText())
    return
  }
  let server: PawlServer | undefined
  try {
    const file = await readConfigFile(process.cwd())
    const warn = (message: string): void => console.error(`pawl: ${message}`)
    const config = readConfig({ argv, env, file, warn })
    server = await createServer(config, { ...options, freeBuffers: tuneHeap() })
    const url = await server.listen()
    // Before anyone is told that it runs: whoever is told may end it in the same moment.
    obeySignals(server)
    if (config.dev) await greet(server, url, config.storagePrefix, options.pageDir !== undefined)
    server.log.info({ url }, 'listening')
  } catch (error) {
    console.error(`pawl: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = error instanceof ConfigError ? 2 : 1
    // Made but not reachable, as with a busy port: what it holds would keep the process from ending.
    await server?.close()
  }
}

async function greet({ tokens }: PawlServer, url: string, storage: string, page: boolean): Promise<void> {
  console.log(`
Pawl is running in development mode: anyone on this machine may upload.

${page ? `  Page         ${url}/\n` : ''}  Endpoint     ${url}/files/
  Storage      ${url}${storage} (Supabase Storage: buckets ${PUBLIC_BUCKET}, public, and ${PRIVATE_BUCKET}, private)
  Media        ${url}${MEDIA_PREFIX} (Wix Media: upload URLs for others, with the service key)
  anon key     ${await tokens.apiKey('anon')}
  service key  ${await tokens.apiKey('service_role')}

Upload six bytes:
  echo hello | curl -i ${url}/files/ -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 6' \\
    -H 'Content-Type: application/offset+octet-stream' --data-binary @-
`)
}

function obeySignals(server: PawlServer): void {
  let firstAt: number | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt !== undefined) {
      if (Date.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
      return
    }
    firstAt = Date.now()
    server.log.info({ signal }, 'closing: transfers end with their bytes kept')
    // A disk that hangs must not keep the process: what was accepted survives its end.
    setTimeout(() => process.exit(1), CLOSE_MS).unref()
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        server.log.error({ err: error }, 'closing failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv.slice(2), process.env)
}
