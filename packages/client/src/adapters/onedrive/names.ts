/**
 * Keys as paths of OneDrive, which takes none of `" * : < > ? \ |`. They are kept as their wide forms, and a wide form
 * that was one before gets a mark, so that no two keys become one path. rclone does the same.
 * https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
 */
import { FilesError } from '../../errors.ts'

const WIDE = 0xfee0
const MARK = '‛'

/** @throws FilesError `InvalidKey` for what would be cut or refused all the same */
export function pathOf(key: string): string {
  const bad = (name: string) => /^$|^\.\.?$|^\s|[\s.]$|^~\$|\p{Cc}/u.test(name)
  const path = key
    .replace(/[＂＊：＜＞？＼｜‛]/g, (wide) => MARK + wide)
    .replace(/["*:<>?\\|]/g, (narrow) => String.fromCharCode(narrow.charCodeAt(0) + WIDE))
  if (!key.split('/').some(bad) && key.isWellFormed() && path.length <= 400) return path
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no path that OneDrive keeps as it is`,
  )
}

/** The key, or part of one, that a path stands for. */
export function keyOf(path: string): string {
  return path.replace(/‛([＂＊：＜＞？＼｜‛])|[＂＊：＜＞？＼｜]/g, (wide, marked) =>
    marked === undefined ? String.fromCharCode(wide.charCodeAt(0) - WIDE) : marked,
  )
}
