/** Who is measured. The first is ours: every ratio is ours to another's. */
import type { Contestant } from './contestant.ts'
import { pawl } from './pawl.ts'
import { tusServer } from './tus-server.ts'

export const servers: readonly Contestant[] = [pawl, tusServer]
