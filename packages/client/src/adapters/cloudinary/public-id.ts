/** Keys as public ids, which cannot have every character: https://cloudinary.com/documentation/upload_parameters */
import { FilesError } from '../../errors.ts'

const MAX = 255

/** Reversible: what an id cannot have is written as `~` and two hex digits. @throws FilesError `InvalidKey` */
export function publicIdOf(key: string): string {
  const id = key.replace(/[?&#\\%<>+~]/g, (char) => `~${char.charCodeAt(0).toString(16)}`)
  const plain = key.split('/').every((name) => name !== '' && name === name.trim() && !/^\.{1,2}$/.test(name))
  if (plain && id.length <= MAX && key.isWellFormed() && !/\p{Cc}/u.test(key)) return id
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} cannot be a public id of Cloudinary`,
  )
}

export function keyOf(publicId: string): string {
  return publicId.replace(/~([\da-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}
