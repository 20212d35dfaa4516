/**
 * A document library of SharePoint: https://learn.microsoft.com/graph/api/resources/sharepoint
 *
 * The same drives as OneDrive's, found through their site; can and cannot what `pawl/onedrive` can and cannot.
 */
import type { Adapter } from '../../adapter.ts'
import { graphAdapter, type OneDriveOptions } from '../onedrive/onedrive.ts'
import type { GraphWire } from '../onedrive/wire.ts'

export interface SharePointOptions extends Omit<OneDriveOptions, 'drive'> {
  /** The site's id, or `contoso.sharepoint.com:/sites/team:`. */
  readonly site: string
  /** The id of one of its libraries. Default: the site's own. */
  readonly library?: string
}

/** @example new Files({ adapter: sharepoint({ site: 'contoso.sharepoint.com:/sites/team:', token }) }) */
export function sharepoint({ site, library, ...options }: SharePointOptions): Adapter<GraphWire> {
  const drive = library === undefined ? 'drive' : `drives/${encodeURIComponent(library)}`
  return graphAdapter('sharepoint', { ...options, drive: `sites/${site}/${drive}` })
}
