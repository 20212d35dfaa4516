/** Files as pages get them: as a `File`, or as a handle that outlives the page. */

/** A handle can be kept over a reload; a `File` cannot. */
export type PickedFile = File | FileSystemFileHandle

/** What the File System Access API has, where a browser has it. */
interface Permissions {
  queryPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>
  requestPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>
}

interface PickerWindow {
  showOpenFilePicker?(options: { multiple: boolean }): Promise<FileSystemFileHandle[]>
}

/**
 * Lets people choose files: with handles where the browser offers them, else through a file input.
 * To be called from a click. Resolves to nothing chosen when the choice is cancelled.
 */
export async function pickFiles({
  multiple = false,
}: {
  readonly multiple?: boolean
} = {}): Promise<PickedFile[]> {
  const { showOpenFilePicker } = globalThis as PickerWindow
  if (showOpenFilePicker === undefined) return pickWithInput(multiple)
  try {
    return await showOpenFilePicker.call(globalThis, { multiple })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return []
    throw error
  }
}

function pickWithInput(multiple: boolean): Promise<File[]> {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = multiple
  return new Promise((resolve) => {
    input.addEventListener('change', () => resolve([...(input.files ?? [])]))
    input.addEventListener('cancel', () => resolve([]))
    input.click()
  })
}

/** Whether a kept handle can be read at once. Browsers without permissions read freely or fail when reading. */
export async function mayRead(handle: FileSystemFileHandle & Permissions): Promise<boolean> {
  return ((await handle.queryPermission?.({ mode: 'read' })) ?? 'granted') === 'granted'
}

/** The file behind a handle; asks the person if need be, so it has to be called from a click. */
export async function readHandle(handle: FileSystemFileHandle & Permissions): Promise<File | undefined> {
  if (!(await mayRead(handle)) && (await handle.requestPermission?.({ mode: 'read' })) !== 'granted')
    return undefined
  return handle.getFile()
}
