/** Kills against Pawl's server where a service's protocol is spoken to it. */
import { createHash } from 'node:crypto'
import { Files } from '../../src/files.ts'
import { startPawl } from '../servers/pawl.ts'
import { adapterOf } from './job.ts'
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
