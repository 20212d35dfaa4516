/** Who is measured. The first is ours: every ratio is ours to another's. */
import { cServers } from './c-server.ts'
import type { Contestant } from './contestant.ts'
import { nodeServers } from './node-least.ts'
import { pawl, pawlVariants } from './pawl.ts'
import { tusServer } from './tus-server.ts'

export const servers: readonly Contestant[] = [pawl, ...pawlVariants, ...cServers, ...nodeServers, tusServer]
