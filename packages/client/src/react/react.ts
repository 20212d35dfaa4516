/** Uploads in React components: state that follows the control, and interrupted uploads after a reload. */
export type { ItemOptions } from './list-item.ts'
export { type PickedFile, pickFiles } from './picked-file.ts'
export type { Added, AddedFile, UploadsOptions, UploadsState } from './upload-list.ts'
export { type Upload, useUpload } from './use-upload.ts'
export { type Uploads, useUploads } from './use-uploads.ts'
export type { ResumeNeed, UploadStatus, UploadView, UploadWait } from './view.ts'
