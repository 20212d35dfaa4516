import { copyText } from '../copy.ts'
import { formatAge, formatBytes } from '../format.ts'
import { FileIcon, FolderIcon } from '../icons.tsx'
import { readKey } from '../key.ts'
import { downloadWithKey } from '../uploads/download.ts'
import { ConfirmButton } from './confirm-button.tsx'
import { objectPath, type Place, removeObject, type StoredObject, signedLink } from './objects.ts'
import { type Objects, rowKey } from './use-objects.ts'

interface ObjectTableProps {
  readonly place: Place
  readonly objects: Objects
  readonly onFolder: (name: string) => void
  readonly onShow: (object: StoredObject) => void
  readonly onNote: (words: string) => void
}

/** How long a link that was copied works, in seconds. */
const LINK_SECONDS = 24 * 60 * 60

export function ObjectTable({ place, objects, onFolder, onShow, onNote }: ObjectTableProps) {
  const { entries, forget } = objects
  if (entries.length === 0)
    return (
      <>
        <p className="nothing">{nothingWords(objects)}</p>
        <MoreButton objects={objects} />
      </>
    )
  const told = (work: Promise<string>) => void work.then(onNote, (error: Error) => onNote(error.message))
  return (
    <>
      <div className="table-frame">
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" className="number">
                Size
              </th>
              <th scope="col" className="cell-extra">
                Type
              </th>
              <th scope="col" className="number cell-extra">
                Age
              </th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) =>
              entry.kind === 'folder' ? (
                <tr key={rowKey(entry)}>
                  <td colSpan={5}>
                    <button type="button" className="cell-button" onClick={() => onFolder(entry.name)}>
                      <FolderIcon /> <span className="cell-main">{entry.name}</span>
                    </button>
                  </td>
                </tr>
              ) : (
                <tr key={rowKey(entry)}>
                  <td>
                    <button
                      type="button"
                      className="cell-button"
                      aria-label={`Preview ${entry.name}`}
                      title={entry.key}
                      onClick={() => onShow(entry)}
                    >
                      <FileIcon /> <span className="cell-main">{entry.name}</span>
                    </button>
                  </td>
                  <td className="number">{formatBytes(entry.size)}</td>
                  <td className="cell-soft cell-extra">{entry.type}</td>
                  <td className="number cell-extra">{formatAge(Date.now() - Date.parse(entry.createdAt))}</td>
                  <td className="cell-action">
                    <button
                      type="button"
                      className="button-text"
                      aria-label={`Download ${entry.name}`}
                      onClick={() => told(download(place, entry))}
                    >
                      Download
                    </button>
                    {place.kind === 'bucket' && (
                      <button
                        type="button"
                        className="button-text"
                        aria-label={`Copy a signed link to ${entry.name}`}
                        onClick={() => told(copyLink(place, entry))}
                      >
                        Signed link
                      </button>
                    )}
                    <ConfirmButton
                      label="Delete"
                      describe={`Delete ${entry.name}`}
                      onConfirm={() =>
                        told(
                          removeObject(place, entry.key).then(() => {
                            forget(entry.key)
                            return `“${entry.name}” was deleted.`
                          }),
                        )
                      }
                    />
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
      <MoreButton objects={objects} />
    </>
  )
}

/** Those that are listed can be gone, or not be what is searched for, and others be left. */
function nothingWords({ loading, more }: Objects): string {
  if (loading) return 'Looking …'
  return more === undefined ? 'There is nothing here.' : 'There is nothing in what is listed so far.'
}

function MoreButton({ objects: { loading, more } }: Pick<ObjectTableProps, 'objects'>) {
  if (more === undefined) return null
  return (
    <button type="button" className="button more" disabled={loading} onClick={more}>
      {loading ? 'Looking …' : 'List more'}
    </button>
  )
}

async function download(place: Place, { key, name }: StoredObject): Promise<string> {
  const url = new URL(objectPath(place, key), document.baseURI).href
  return (await downloadWithKey(url, name, readKey() ?? '')) ?? `“${name}” was downloaded.`
}

async function copyLink(place: Place & { kind: 'bucket' }, { key, name }: StoredObject): Promise<string> {
  const copied = await copyText(await signedLink(place, key, LINK_SECONDS))
  return copied
    ? `A link to “${name}” is on the clipboard. It works for 24 hours, for whoever has it.`
    : 'The clipboard could not be reached.'
}
