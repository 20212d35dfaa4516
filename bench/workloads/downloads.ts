/** Large objects that are fetched: one, and several at the same time. */
import { timed } from '../load/measure.ts'
import { receive } from '../load/receive.ts'
import { prepareUploads, sendAll, type Upload, verifyUploads } from './bulk.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

export const downloads: readonly Workload[] = [1, 4, 64].map((count) => ({
  name: `download-${count}`,
  title: count === 1 ? 'Download of a large object' : `${count} downloads of large objects at once`,
  unit: 'MB/s',
  better: 'higher',
  cpuPer: 'GiB',
  run: (target, scale) => run(target, scale, count),
}))

async function run(target: Target, scale: Scale, count: number): Promise<Measurement> {
  const objects = await prepareUploads(target, count, scale.bulkBytes)
  await sendAll(objects, Number.POSITIVE_INFINITY)
  // Reads every byte, and is the warm-up.
  await verifyUploads(target, objects)
  const { seconds, costs } = await timed(target.pid, () => fetchAll(target, objects))
  return { value: scale.bulkBytes / seconds / 1e6, costs, amount: scale.bulkBytes }
}

/** @throws Error when bytes are missing: which ones they are has been looked at before */
async function fetchAll({ port }: Target, objects: readonly Upload[]): Promise<void> {
  await Promise.all(
    objects.map(async ({ path, length }) => {
      const received = await receive(port, path)
      if (received !== length) throw new Error(`GET brought ${received} bytes instead of ${length}`)
    }),
  )
}
