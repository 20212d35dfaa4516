/** The sessions that a command line means. */
import { UsageError } from '../exit.ts'
import { makeSessionsFolder, sessionsFolder } from './folder.ts'
import { type Records, recordsIn, type SessionRecord } from './records.ts'

export async function openRecords(): Promise<Records> {
  const folder = sessionsFolder()
  await makeSessionsFolder(folder)
  return recordsIn(folder)
}

/** By the beginning of its id, as long as only one begins so. @throws UsageError */
export async function findRecord(records: Records, id: string): Promise<SessionRecord> {
  // Every id begins with nothing: a variable that is not set would give up the only session there is.
  if (id === '') throw new UsageError('the id is empty: pawl sessions lists them')
  const all = await records.list()
  const [first, ...more] = all.filter((record) => record.id.startsWith(id))
  if (first === undefined) throw new UsageError(`there is no session ${id}: pawl sessions lists them`)
  if (more.length > 0) throw new UsageError(`several sessions begin with ${id}: give more of it`)
  return first
}
