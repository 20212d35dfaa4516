/**
 * The files of a user at a Nextcloud:
 * https://docs.nextcloud.com/server/latest/developer_manual/client_apis/WebDAV/index.html
 *
 * Can: chunked uploads, their chunks side by side, listed after every doubt, for 24 hours; the SHA-256 of the whole
 * file, where Nextcloud computes it; overwrite in one step, `condition: create`, every file operation but URLs.
 * Cannot: keep content types, metadata or the time of the last change; send a chunk's checksum along, which Nextcloud
 * would not check. Files up to `minPartSize` go in one request and are not resumed.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { webdavFiles } from '../webdav/files.ts'
import type { WebdavOptions } from '../webdav/options.ts'
import type { WebdavWire } from '../webdav/wire.ts'
import { nextcloudDriver } from './driver.ts'

export interface NextcloudOptions extends WebdavOptions {
  /**
   * The folder that keys are paths below, as Nextcloud shows it in the settings of its files:
   * `https://cloud.example.com/remote.php/dav/files/<user>`, or one in it. Without credentials in it.
   */
  readonly url: string
  /**
   * The least that a chunk may have, but the last; smaller files go in one request. Default 5 MiB: what an object
   * storage behind Nextcloud asks for.
   */
  readonly minPartSize?: number
}

const MIN = 5 * 1024 * 1024

/** @example new Files({ adapter: nextcloud({ url: 'https://cloud.example.com/remote.php/dav/files/me', user, password }) }) */
export function nextcloud(options: NextcloudOptions): Adapter<WebdavWire> {
  const [, dav, user] = /^(.+?\/dav)\/files\/([^/?#]+)/.exec(options.url) ?? []
  if (dav === undefined)
    throw new FilesError(
      'NotSupported',
      '`url` has to be `…/remote.php/dav/files/<user>` of a Nextcloud, or a folder in it',
    )
  const uploads = `${dav}/uploads/${user}`
  return webdavFiles('nextcloud', options, (wire, intent) =>
    nextcloudDriver(wire, uploads, intent, options.minPartSize ?? MIN),
  )
}
