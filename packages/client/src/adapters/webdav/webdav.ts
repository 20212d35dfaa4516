/**
 * A folder of a WebDAV server: https://www.rfc-editor.org/rfc/rfc4918
 *
 * Can: resume in another process where the server patches files (PUT with `Content-Range`), which is tried at the
 * beginning of each upload on a file that holds nothing: Apache does. Overwrite in one step, `condition: create`,
 * every file operation but URLs.
 * Cannot: go on with a broken upload elsewhere (nginx, rclone): there the body goes in one request, and again from
 * its start when that breaks; keep content types or metadata; PATCH of SabreDAV. For Nextcloud: `pawl/nextcloud`.
 */
import type { Adapter } from '../../adapter.ts'
import { webdavDriver } from './driver.ts'
import { webdavFiles } from './files.ts'
import type { WebdavOptions } from './options.ts'
import type { WebdavWire } from './wire.ts'

export type { WebdavOptions } from './options.ts'

/** @example new Files({ adapter: webdav({ url: 'https://dav.example.com/files', user, password }) }) */
export function webdav(options: WebdavOptions): Adapter<WebdavWire> {
  return webdavFiles('webdav', options, webdavDriver)
}
