/** Files out of what was dropped or picked, folders with everything below them; each with its path. */
import type { AddedFile, PickedFile } from 'pawl/react'

/** What some browsers have and their types do not. */
interface WithHandles {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>
}

export interface Found {
  readonly files: AddedFile[]
  /** What the browser could not read, a folder with a slash behind it: the rest is there all the same. */
  readonly unreadable: string[]
}

/** To be called while the event is handled: what was dropped is out of reach afterwards. */
export async function filesOf(items: DataTransferItemList): Promise<Found> {
  const roots = [...items].filter(({ kind }) => kind === 'file').map(rootOf)
  const found: Found = { files: [], unreadable: [] }
  for (const root of roots) await root.then((walk) => walk(found))
  return found
}

type Walk = (found: Found) => Promise<void>

/** Asks for everything at once, synchronously: a handle where there are any, an entry, or the bare file. */
function rootOf(item: DataTransferItem & WithHandles): Promise<Walk> {
  const entry = item.webkitGetAsEntry()
  const file = item.getAsFile()
  const bare: Walk = async (found) => {
    if (entry !== null) await walkEntry(entry, '', found)
    else if (file !== null) found.files.push({ picked: file })
  }
  const handle = item.getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null)
  return handle.then((given) => (given === null ? bare : (found) => walkHandle(given, '', found)))
}

/** A folder that was picked, with everything below it. */
export async function filesIn(folder: FileSystemDirectoryHandle): Promise<Found> {
  const found: Found = { files: [], unreadable: [] }
  await walkHandle(folder, '', found)
  return found
}

async function walkHandle(handle: FileSystemHandle, above: string, found: Found): Promise<void> {
  if (handle instanceof FileSystemFileHandle) return void found.files.push(added(handle, above))
  if (!(handle instanceof FileSystemDirectoryHandle)) return
  const path = `${above}${handle.name}/`
  try {
    for await (const child of handle.values()) await walkHandle(child, path, found)
  } catch {
    found.unreadable.push(path)
  }
}

async function walkEntry(entry: FileSystemEntry, above: string, found: Found): Promise<void> {
  const path = `${above}${entry.name}`
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject)).catch(
      () => undefined,
    )
    if (file === undefined) found.unreadable.push(path)
    else found.files.push(added(file, above))
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return
  const reader = entry.createReader()
  const readSome = () =>
    new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
  try {
    // It gives a hundred at a time, and nothing at the end.
    for (let some = await readSome(); some.length > 0; some = await readSome()) {
      for (const child of some) await walkEntry(child, `${path}/`, found)
    }
  } catch {
    found.unreadable.push(`${path}/`)
  }
}

function added(picked: PickedFile, above: string): AddedFile {
  return above === '' ? { picked } : { picked, key: `${above}${picked.name}` }
}

/** Files of an input for folders carry their path themselves. */
export function fromInput(files: Iterable<File>): AddedFile[] {
  return [...files].map((picked) => {
    const path = picked.webkitRelativePath
    return path === '' ? { picked } : { picked, key: path }
  })
}
