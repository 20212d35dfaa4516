/** Azurite, the vendor's emulator of Azure Blob Storage, on the loopback. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, freePort, start, until } from '@pawl/emulators/processes'

const program = join(import.meta.dirname, '../vendor/node_modules/azurite/dist/src/blob/main.js')
const ACCOUNT = 'devstoreaccount1'
/** The published key of the emulator's account. */
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

export interface Azurite {
  readonly connectionString: string
  close(): Promise<void>
}

/** Installed by `npm ci --prefix packages/client/test/vendor`. */
export function hasAzurite(): boolean {
  if (existsSync(program)) return true
  if (process.env.CI === 'true')
    throw new Error('azurite is not installed: npm ci --prefix packages/client/test/vendor')
  return false
}

export async function startAzurite(): Promise<Azurite> {
  const home = await mkdtemp(join(tmpdir(), 'pawl-azurite-'))
  const port = await freePort()
  const args = [
    '--silent',
    '--location',
    home,
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    String(port),
    '--disableTelemetry',
    '--skipApiVersionCheck',
  ]
  const child = start(process.execPath, [program, ...args], join(home, 'azurite.log'))
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`
  await until('Azurite', async () => (await fetch(endpoint)).status > 0)
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${endpoint};`,
    close: async () => {
      await end([child])
      await rm(home, { recursive: true, force: true })
    },
  }
}
