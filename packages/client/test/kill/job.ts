/** What a killed process needs to know, as JSON: an adapter cannot be handed over, only described. */
import type { Adapter } from '../../src/adapter.ts'
import type { AppwriteOptions } from '../../src/adapters/appwrite/options.ts'
import type { AzureOptions } from '../../src/adapters/azure/azure.ts'
import type { BoxOptions } from '../../src/adapters/box/box.ts'
import type { BunnyStreamOptions } from '../../src/adapters/bunny-stream/bunny-stream.ts'
import type { CloudflareStreamOptions } from '../../src/adapters/cloudflare-stream/cloudflare-stream.ts'
import type { CloudinaryOptions } from '../../src/adapters/cloudinary/options.ts'
import type { DropboxOptions } from '../../src/adapters/dropbox/dropbox.ts'
import type { FirebaseOptions } from '../../src/adapters/firebase/firebase.ts'
import type { FtpOptions } from '../../src/adapters/ftp/options.ts'
import type { GcsOptions } from '../../src/adapters/gcs/gcs.ts'
import type { GoogleDriveOptions } from '../../src/adapters/google-drive/google-drive.ts'
import type { NextcloudOptions } from '../../src/adapters/nextcloud/nextcloud.ts'
import type { OneDriveOptions } from '../../src/adapters/onedrive/onedrive.ts'
import type { S3Options } from '../../src/adapters/s3/options.ts'
import type { SftpOptions } from '../../src/adapters/sftp/options.ts'
import type { SharePointOptions } from '../../src/adapters/sharepoint/sharepoint.ts'
import type { SupabaseOptions } from '../../src/adapters/supabase/options.ts'
import type { UploadThingOptions } from '../../src/adapters/uploadthing/options.ts'
import type { VercelBlobOptions } from '../../src/adapters/vercel-blob/vercel-blob.ts'
import type { VimeoOptions } from '../../src/adapters/vimeo/vimeo.ts'
import type { WebdavOptions } from '../../src/adapters/webdav/options.ts'
import type { WixOptions } from '../../src/adapters/wix/options.ts'

export type AdapterDescription =
  | { readonly name: 'fs'; readonly root: string }
  | { readonly name: 'tus'; readonly endpoint: string; readonly parallel: number }
  | { readonly name: 'resumable-http'; readonly endpoint: string }
  | ({ readonly name: 'supabase' } & SupabaseOptions)
  | ({ readonly name: 's3' } & S3Options)
  | ({ readonly name: 'azure' } & AzureOptions)
  | ({ readonly name: 'ftp' } & FtpOptions)
  | ({ readonly name: 'onedrive' } & OneDriveOptions)
  | ({ readonly name: 'sharepoint' } & SharePointOptions)
  | ({ readonly name: 'sftp' } & SftpOptions)
  | ({ readonly name: 'webdav' } & WebdavOptions)
  | ({ readonly name: 'nextcloud' } & NextcloudOptions)
  | ({ readonly name: 'appwrite' } & AppwriteOptions)
  | ({ readonly name: 'cloudinary' } & CloudinaryOptions)
  | ({ readonly name: 'uploadthing' } & UploadThingOptions)
  | ({ readonly name: 'cloudflare-stream' } & CloudflareStreamOptions)
  | ({ readonly name: 'vimeo' } & VimeoOptions)
  | ({ readonly name: 'bunny-stream' } & BunnyStreamOptions)
  | ({ readonly name: 'wix' } & WixOptions)
  | ({ readonly name: 'gcs' } & GcsOptions)
  | ({ readonly name: 'firebase' } & FirebaseOptions)
  | ({ readonly name: 'dropbox' } & DropboxOptions)
  | ({ readonly name: 'box' } & BoxOptions)
  | ({ readonly name: 'vercel-blob' } & VercelBlobOptions)
  | ({ readonly name: 'google-drive' } & GoogleDriveOptions)

export interface KillJob {
  readonly adapter: AdapterDescription
  readonly path: string
  readonly key: string
  /** Folder of the token store. */
  readonly tokens: string
  /** Acknowledged pieces, one `start size` a line. */
  readonly log: string
  readonly partSize: number
  readonly maxBytesPerSecond?: number
}

export async function adapterOf(description: AdapterDescription): Promise<Adapter> {
  switch (description.name) {
    case 'fs':
      return (await import('../../src/adapters/fs/fs.ts')).fs(description)
    case 'tus':
      return (await import('../../src/adapters/tus/tus.ts')).tus(description)
    case 'resumable-http':
      return (await import('../../src/adapters/resumable-http/resumable-http.ts')).resumableHttp(description)
    case 'supabase':
      return (await import('../../src/adapters/supabase/supabase.ts')).supabase(description)
    case 's3':
      // Named for the switch, not for the service.
      return (await import('../../src/adapters/s3/s3.ts')).s3({ ...description, name: 's3' })
    case 'azure':
      return (await import('../../src/adapters/azure/azure.ts')).azure(description)
    case 'ftp':
      return (await import('../../src/adapters/ftp/ftp.ts')).ftp(description)
    case 'onedrive':
      return (await import('../../src/adapters/onedrive/onedrive.ts')).onedrive(description)
    case 'sharepoint':
      return (await import('../../src/adapters/sharepoint/sharepoint.ts')).sharepoint(description)
    case 'sftp':
      return (await import('../../src/adapters/sftp/sftp.ts')).sftp(description)
    case 'webdav':
      return (await import('../../src/adapters/webdav/webdav.ts')).webdav(description)
    case 'nextcloud':
      return (await import('../../src/adapters/nextcloud/nextcloud.ts')).nextcloud(description)
    case 'appwrite':
      return (await import('../../src/adapters/appwrite/appwrite.ts')).appwrite(description)
    case 'cloudinary':
      return (await import('../../src/adapters/cloudinary/cloudinary.ts')).cloudinary(description)
    case 'uploadthing':
      return (await import('../../src/adapters/uploadthing/uploadthing.ts')).uploadThing(description)
    case 'cloudflare-stream': {
      const { cloudflareStream } = await import('../../src/adapters/cloudflare-stream/cloudflare-stream.ts')
      return cloudflareStream(description)
    }
    case 'vimeo':
      return (await import('../../src/adapters/vimeo/vimeo.ts')).vimeo(description)
    case 'bunny-stream':
      return (await import('../../src/adapters/bunny-stream/bunny-stream.ts')).bunnyStream(description)
    case 'wix':
      return (await import('../../src/adapters/wix/wix.ts')).wix(description)
    case 'gcs':
      return (await import('../../src/adapters/gcs/gcs.ts')).gcs(description)
    case 'firebase':
      return (await import('../../src/adapters/firebase/firebase.ts')).firebase(description)
    case 'dropbox':
      return (await import('../../src/adapters/dropbox/dropbox.ts')).dropbox(description)
    case 'vercel-blob':
      return (await import('../../src/adapters/vercel-blob/vercel-blob.ts')).vercelBlob(description)
    case 'box':
      return (await import('../../src/adapters/box/box.ts')).box(description)
    case 'google-drive':
      return (await import('../../src/adapters/google-drive/google-drive.ts')).googleDrive(description)
  }
}
