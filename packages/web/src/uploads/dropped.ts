/** Files out of what was dropped or picked, folders with everything below them; each with its path. */
import type { AddedFile, PickedFile } from 'pawl/react'

/** What some browsers have and their types do not. */
interface WithHandles {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>
}

/** To be called while the event is handled: what was dropped is out of reach afterwards. */
export async function filesOf(items: DataTransferItemList): Promise<AddedFile[]> {
  const roots = [...items].filter(({ kind }) => kind === 'file').map(rootOf)
  const found: AddedFile[] = []
  for (const root of roots) await root.then((walk) => walk(found))
  return found
}

type Walk = (found: AddedFile[]) => Promise<void>

/** Asks for everything at once, synchronously: a handle where there are any, an entry, or the bare file. */
function rootOf(item: DataTransferItem & WithHandles): Promise<Walk> {
  const entry = item.webkitGetAsEntry()
  const file = item.getAsFile()
  const bare: Walk = async (found) => {
    if (entry !== null) await walkEntry(entry, '', found)
    else if (file !== null) found.push({ picked: file })
  }
  const handle = item.getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null)
  return handle.then((given) => (given === null ? bare : (found) => walkHandle(given, '', found)))
}

/** A folder that was picked, with everything below it. */
export async function filesIn(folder: FileSystemDirectoryHandle): Promise<AddedFile[]> {
  const found: AddedFile[] = []
  await walkHandle(folder, '', found)
  return found
}

async function walkHandle(handle: FileSystemHandle, above: string, found: AddedFile[]): Promise<void> {
  if (handle instanceof FileSystemFileHandle) return void found.push(added(handle, above))
  if (!(handle instanceof FileSystemDirectoryHandle)) return
  for await (const child of handle.values()) await walkHandle(child, `${above}${handle.name}/`, found)
}

async function walkEntry(entry: FileSystemEntry, above: string, found: AddedFile[]): Promise<void> {
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    return void found.push(added(file, above))
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return
  const reader = entry.createReader()
  for (;;) {
    // It gives a hundred at a time, and nothing at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return
    for (const child of some) await walkEntry(child, `${above}${entry.name}/`, found)
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
