/** What uploads and imports are told of the file that they are to make. */
import { z } from 'zod'
import { MEDIA_TYPES, type MediaTerms, ROOT_FOLDER } from '../../media/media-file.ts'
import { isMediaType } from '../../objects/media-type.ts'
import { against, invalid } from './errors.ts'
import type { MediaFace } from './face.ts'

/** Bytes of JSON that one file's terms may have: the catalog keeps them. */
const MAX_TERMS = 32 * 1024
const MAX_NAME = 255
const MAX_DEPTH = 20

export const MimeType = z.string().max(255).refine(isMediaType, 'is not a media type')
export const MediaTypeName = z.enum(MEDIA_TYPES)
const Labels = z.array(z.string().min(1).max(200)).max(500)

/** Clients write their null for what they leave out. */
export const TermFields = {
  parentFolderId: z.string().min(1).max(100).nullish(),
  filePath: z.string().max(1000).nullish(),
  private: z.boolean().nullish(),
  labels: Labels.nullish(),
  externalInfo: z
    .object({
      origin: z.string().max(1000).optional(),
      externalIds: z.array(z.string().max(4000)).max(30).optional(),
    })
    .nullish(),
}

const Terms = z.object(TermFields)

/** @throws MediaError */
export async function termsFrom(
  { media }: MediaFace,
  declaredType: string,
  given: z.infer<typeof Terms>,
): Promise<MediaTerms> {
  if (JSON.stringify(given).length > MAX_TERMS)
    throw invalid('', `its fields may have ${MAX_TERMS} characters`)
  const folder = given.parentFolderId ?? ROOT_FOLDER
  if (folder !== ROOT_FOLDER) {
    const [found] = await media.findFolders([folder])
    if (found === undefined || found.deleted) {
      throw against('RESOURCE_NOT_FOUND', 'parentFolderId', 'there is no such folder')
    }
  }
  return {
    declaredType,
    folder,
    path: pathFrom(given.filePath ?? ''),
    private: given.private ?? false,
    labels: given.labels ?? [],
    external: given.externalInfo ?? undefined,
  }
}

function pathFrom(text: string): string[] {
  const path = text.split('/').filter((name) => name !== '')
  if (path.length > MAX_DEPTH) throw invalid('filePath', `may have ${MAX_DEPTH} folders`)
  return path.map((name) => nameFrom(name, 'filePath'))
}

/** A name as it is shown: cut, as the vendor does, where it is too long. @throws MediaError */
export function nameFrom(text: string, field: string): string {
  const name = text.slice(0, MAX_NAME).toWellFormed()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are refused
  if (name === '' || /[\u0000-\u001f\u007f]/.test(name)) throw invalid(field, 'is no name')
  return name
}

/** @throws MediaError */
export function sizeFrom(face: MediaFace, text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === '') return undefined
  if (!/^\d{1,15}$/.test(text)) throw invalid('sizeInBytes', 'is not a number of bytes')
  const size = Number(text)
  const { maxSize } = face.uploads.limits
  if (size === 0) throw against('ZERO_FILE_SIZE', 'sizeInBytes', 'a file has at least one byte')
  if (size > maxSize) {
    throw against('FILE_SIZE_OVER_LIMIT', 'sizeInBytes', `a file may have ${maxSize} bytes`, {
      limit: maxSize,
    })
  }
  return size
}
