/** What uploaders send to: it throws bodies away, and counts their bytes. */
import { compile, programOf } from './compiled.ts'
import type { Contestant } from './contestant.ts'

const SOURCE = 'sink/sink.c'

export const sink: Contestant = {
  name: 'sink',
  guarantee: 'bodies are counted and thrown away',
  program: programOf(SOURCE),
  command: () => [],
  env: {},
  version: () => 'bench/peers/sink',
  prepare: async () => compile(SOURCE),
}

/** Bytes of bodies since it was last asked. */
export async function receivedBy(url: string): Promise<number> {
  const answer = await fetch(`${url}/received`)
  return Number(await answer.text())
}
