/**
 * Copying and moving: https://learn.microsoft.com/graph/api/driveitem-copy , https://learn.microsoft.com/graph/api/driveitem-move
 *
 * A copy is made after the answer, which names a monitor to ask. Not every drive overwrites: what stands in the way of
 * a copy goes only when the copy is there, beside it.
 */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { sleep } from '../../transfer/retry.ts'
import { type Fields, fieldsOf, type GraphWire, graphError } from './wire.ts'

/** Milliseconds between two questions: the first, and the most. */
const [SOON, SELDOM] = [250, 5000]
const JSON_TYPE = { 'content-type': 'application/json' }

export async function copyItem(wire: GraphWire, from: string, to: string, call: Call): Promise<void> {
  const what = `copying ${JSON.stringify(from)}`
  if (from === to) return
  const parent = await folderAt(wire, what, above(to), call)
  if (await copied(wire, what, from, parent, nameOf(to), call)) return
  if (sameButCase(from, to)) throw taken(what)
  const beside = crypto.randomUUID()
  if (!(await copied(wire, what, from, parent, beside, call))) throw taken(what)
  await moveItem(wire, [above(to), beside].filter(Boolean).join('/'), to, call)
}

export async function moveItem(wire: GraphWire, from: string, to: string, call: Call): Promise<void> {
  const what = `moving ${JSON.stringify(from)}`
  if (from === to) return
  const { id } = await folderAt(wire, what, above(to), call)
  const body = JSON.stringify({ parentReference: { id }, name: nameOf(to) })
  const move = () => wire.ask({ method: 'PATCH', url: wire.itemOf(from), headers: JSON_TYPE, body }, call)
  let response = await move()
  if (response.status === 409 && !sameButCase(from, to)) {
    const there = await wire.ask({ method: 'GET', url: wire.itemOf(to) }, call)
    // A folder would go with everything below it.
    if (there.status !== 404 && fieldsOf(await there.text()).file === undefined) throw taken(what)
    const gone = await wire.ask({ method: 'DELETE', url: wire.itemOf(to) }, call)
    if (gone.status >= 300 && gone.status !== 404) throw await graphError(what, gone)
    response = await move()
  }
  if (response.status >= 300) throw await graphError(what, response)
}

/** False: another item has the name. */
async function copied(
  wire: GraphWire,
  what: string,
  from: string,
  parentReference: { readonly id: string; readonly driveId: string },
  name: string,
  call: Call,
): Promise<boolean> {
  const request = { method: 'POST', url: `${wire.itemOf(from)}:/copy`, headers: JSON_TYPE }
  const response = await wire.ask({ ...request, body: JSON.stringify({ parentReference, name }) }, call)
  if (response.status === 409) return false
  if (response.status >= 300) throw await graphError(what, response)
  const monitor = response.header('location')
  if (monitor === undefined)
    throw new FilesError('Provider', `${what}: the answer names no monitor`, undefined, { retryable: false })
  for (let wait = SOON; ; wait = Math.min(wait * 2, SELDOM)) {
    await sleep(wait, call.signal)
    // Its URL is the credential; it leads to the item when it is done.
    const answer = await wire.bare({ method: 'GET', url: monitor, headers: {} }, call)
    if (answer.status === 303) return true
    if (answer.status >= 300) throw await graphError(what, answer)
    const { status, error } = fieldsOf(await answer.text())
    if (status === 'completed') return true
    if (status !== 'failed') continue
    const { code, message } = fieldsOf(error)
    if (code === 'nameAlreadyExists') return false
    throw new FilesError('Provider', `${what}: ${String(code)} ${String(message)}`, undefined, {
      retryable: false,
    })
  }
}

/** The folder under a path, made where it is not there. */
async function folderAt(
  wire: GraphWire,
  what: string,
  path: string,
  call: Call,
): Promise<{ id: string; driveId: string }> {
  const url = path === '' ? wire.root : wire.itemOf(path)
  const response = await wire.ask({ method: 'GET', url }, call)
  if (response.status < 300) return placeOf(fieldsOf(await response.text()))
  if (response.status !== 404 || path === '') throw await graphError(what, response)
  await folderAt(wire, what, above(path), call)
  const into = above(path) === '' ? wire.root : `${wire.itemOf(above(path))}:`
  const body = JSON.stringify({ name: nameOf(path), folder: {} })
  const made = await wire.ask({ method: 'POST', url: `${into}/children`, headers: JSON_TYPE, body }, call)
  // 409: another one was quicker.
  if (made.status === 409) return folderAt(wire, what, path, call)
  if (made.status >= 300) throw await graphError(what, made)
  return placeOf(fieldsOf(await made.text()))
}

function placeOf({ id, parentReference }: Fields): { id: string; driveId: string } {
  return { id: String(id), driveId: String(fieldsOf(parentReference).driveId) }
}

function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Names are known without their case: one that only differs in it is the item itself. */
function sameButCase(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function taken(what: string): FilesError {
  return new FilesError('Conflict', `${what}: an item of that name is there`, undefined, { retryable: false })
}
