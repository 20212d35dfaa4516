/** A server that is measured: how to start it on a data folder, and what its answers promise. */

export interface Contestant {
  /** As it is named on the command line and in the results. */
  readonly name: string
  /** One sentence for the table's reader: what is true of an upload once it was answered as complete. */
  readonly guarantee: string
  /** What runs it; the pinned Node when it is left out. */
  readonly program?: string
  /** Script and arguments. Port 0; a line of JSON with `"listening"` and `url` on stdout. */
  readonly command: (dataDir: string) => readonly string[]
  readonly env: Readonly<Record<string, string>>
  /**
   * Where the bytes of an upload are, for servers whose own download cannot be used to look at them: a folder
   * with files named like the last part of the upload's path. Otherwise GET is asked.
   */
  readonly filesIn?: (dataDir: string) => string
  /** The version that was measured. */
  readonly version: () => string
  /** Whether it is measured with a workload, by name; with all of them when it is left out. */
  readonly can?: (workload: string) => boolean
  /** Provides what is missing; false when it cannot be measured here. @throws Error for people */
  readonly prepare: (say: (line: string) => void) => Promise<boolean>
}
