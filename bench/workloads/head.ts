/** HEAD of unfinished uploads: what every client asks before it goes on. */
import { Connection } from '../load/connection.ts'
import { timed } from '../load/measure.ts'
import { small } from '../load/payload.ts'
import { create, expectAt, patch } from '../load/tus.ts'
import { closedLoop, within } from './closed-loop.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const UPLOADS = 100
const CONNECTIONS = 16
const ARRIVED = 10 * 1024

export const head: Workload = {
  name: 'head',
  title: `HEAD, ${CONNECTIONS} connections`,
  unit: 'requests/s',
  better: 'higher',
  cpuPer: 'request',
  run,
}

async function run({ port, pid }: Target, scale: Scale): Promise<Measurement> {
  const connection = await Connection.open(port)
  const paths: string[] = []
  for (let i = 0; i < UPLOADS; i += 1) {
    const path = await create(connection, 2 * ARRIVED)
    await patch(connection, path, 0, small(i, ARRIVED))
    paths.push(path)
  }
  connection.close()
  const loop = (seconds: number) =>
    closedLoop({
      port,
      connections: CONNECTIONS,
      more: within(seconds),
      // Each answer is checked: an error page is quick, too.
      once: (connection, index) => expectAt(connection, paths[index % UPLOADS] ?? '', ARRIVED),
    })
  await loop(scale.warmUpSeconds)
  const { result: count, seconds, costs } = await timed(pid, () => loop(scale.seconds))
  return { value: count / seconds, costs, amount: count }
}
