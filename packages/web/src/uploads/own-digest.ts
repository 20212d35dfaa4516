/** Hashes files in one worker, one after the other: the disk and a core are busy with the next upload already. */
let worker: Worker | undefined
let last: Promise<unknown> = Promise.resolve()

/** The sha-256 of a file in hex; undefined if it cannot be read any more. */
export function ownDigest(file: File): Promise<string | undefined> {
  const digest = last.then(() => ask(file))
  last = digest
  return digest
}

function ask(file: File): Promise<string | undefined> {
  worker ??= new Worker(new URL('./sha256-worker.ts', import.meta.url), { type: 'module' })
  const asked = worker
  return new Promise((resolve) => {
    asked.onmessage = ({ data }: MessageEvent<{ readonly digest?: string }>) => resolve(data.digest)
    asked.onerror = () => resolve(undefined)
    asked.postMessage(file)
  })
}
