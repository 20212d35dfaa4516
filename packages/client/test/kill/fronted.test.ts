/** Kills against Pawl's server where a service's protocol is spoken to it. */
import { createHash } from 'node:crypto'
import { Files } from '../../src/files.ts'
import { startPawl } from '../servers/pawl.ts'
import {
  LIBRARY_KEY,
  type StreamService,
  startBunnyStream,
  startCloudflareStream,
  startVimeo,
} from '../servers/streams.ts'
import { type AdapterDescription, adapterOf } from './job.ts'
import { FEW, killTests } from './kill-tests.ts'

const MIB = 2 ** 20

killTests(
  "wix, on Pawl's media face",
  async () => {
    const server = await startPawl()
    const adapter = {
      name: 'wix',
      endpoint: new URL(server.endpoint).origin,
      token: server.serviceKey,
    } as const
    return {
      adapter,
      partSize: MIB,
      digest: async (key) => {
        const file = await new Files({ adapter: await adapterOf(adapter) }).download(key)
        const hash = createHash('sha256')
        for await (const chunk of file.stream()) hash.update(chunk)
        return hash.digest('hex')
      },
      close: () => server.close(),
    }
  },
  FEW,
)

const services: [string, () => Promise<StreamService>, (service: StreamService) => AdapterDescription][] = [
  [
    'cloudflare-stream',
    () => startCloudflareStream({ minChunk: MIB, multiple: MIB / 4 }),
    ({ endpoint, tokens }) => ({
      name: 'cloudflare-stream',
      endpoint: `${endpoint}/client/v4`,
      account: 'account',
      token: tokens.current,
      chunk: { min: MIB, multiple: MIB / 4 },
    }),
  ],
  ['vimeo', startVimeo, ({ endpoint, tokens }) => ({ name: 'vimeo', endpoint, token: tokens.current })],
  [
    'bunny-stream',
    startBunnyStream,
    ({ endpoint }) => ({ name: 'bunny-stream', endpoint, library: 'lib', apiKey: LIBRARY_KEY }),
  ],
]

for (const [name, start, describe] of services) {
  killTests(
    `${name}, on Pawl behind its rules`,
    async () => {
      const service = await start()
      return {
        adapter: describe(service),
        partSize: MIB,
        digest: async (key) =>
          createHash('sha256')
            .update((await service.read(key)) ?? '')
            .digest('hex'),
        close: service.close,
      }
    },
    FEW,
  )
}
