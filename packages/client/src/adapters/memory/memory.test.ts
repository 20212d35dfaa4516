import { scenarios } from '../../../test/scenarios.ts'
import { memory } from './memory.ts'

for (const shape of ['parts', 'offset'] as const) {
  scenarios(`memory, ${shape}`, async () => {
    const adapter = memory({ shape })
    return {
      adapter: () => adapter,
      read: async (key) => adapter.raw.objects.get(key)?.bytes,
      openSessions: async () => adapter.raw.sessions.size,
      partSize: 2 ** 20,
    }
  })
}
