/** Requests one after the other on each of several connections, for as long as there is more to do. */
import { Connection } from '../load/connection.ts'

export interface Loop {
  readonly port: number
  readonly connections: number
  /** Asked before each request. */
  readonly more: () => boolean
  /** @param index - counts up over all connections, from 0 */
  readonly once: (connection: Connection, index: number) => Promise<void>
}

/** Resolves, when the last one that was begun is through, to how many there were. */
export async function closedLoop({ port, connections, more, once }: Loop): Promise<number> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)))
  let begun = 0
  const work = async (connection: Connection): Promise<void> => {
    while (more()) {
      begun += 1
      await once(connection, begun - 1)
    }
  }
  try {
    await Promise.all(open.map(work))
  } finally {
    for (const connection of open) connection.close()
  }
  return begun
}

/** True until the time, counted from now, is over. */
export function within(seconds: number): () => boolean {
  const until = performance.now() + seconds * 1000
  return () => performance.now() < until
}

/** True as often as is said. */
export function times(count: number): () => boolean {
  let left = count
  return () => {
    left -= 1
    return left >= 0
  }
}
