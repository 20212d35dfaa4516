type Dependencies = Readonly<Record<string, string>>
type Manifest = {
  dependencies?: Dependencies
  devDependencies?: Dependencies
  optionalDependencies?: Dependencies
}
type Locked = Manifest & {
  version?: string
  integrity?: string
  link?: boolean
  dev?: boolean
  optional?: boolean
  devOptional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
}
type LockFile = { packages: Record<string, Locked> }

export function staleness(input: {
  manifests: Record<string, Manifest>
  lock: LockFile
  installed: LockFile | undefined
  dev: boolean
  platform?: string
  arch?: string
}): { why: string; adds: boolean } | undefined

export function install(root: string, options: { dev: boolean; say: (line: string) => void }): Promise<void>
