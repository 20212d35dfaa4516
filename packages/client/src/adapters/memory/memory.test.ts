import { operations } from '../../../test/operations.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { memory } from './memory.ts'

for (const shape of ['parts', 'offset'] as const) {
  const open = async (): Promise<World> => {
    const adapter = memory({ shape })
    return {
      adapter: () => adapter,
      read: async (key) => adapter.raw.objects.get(key)?.bytes,
      openSessions: async () => adapter.raw.sessions.size,
      partSize: 2 ** 20,
    }
  }
  scenarios(`memory, ${shape}`, open)
  operations(`memory, ${shape}`, open)
}
