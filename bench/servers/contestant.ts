/** Who is measured: what it promises, and how it is started. */

interface Measured {
  /** As it is named on the command line and in the results. */
  readonly name: string
  /** One sentence for the table's reader: what is true of an upload once it counts as complete. */
  readonly guarantee: string
  /** The version that was measured. */
  readonly version: () => string
  /** Whether it is measured with a workload, by name; with all of them when it is left out. */
  readonly can?: (workload: string) => boolean
  /** Provides what is missing; false when it cannot be measured here. @throws Error for people */
  readonly prepare: (say: (line: string) => void) => Promise<boolean>
}

/** A server, which is started on a data folder. */
export interface Contestant extends Measured {
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
}

/** What one process uploads. */
export interface UploadJob {
  /** Of the server, without a path. */
  readonly url: string
  readonly file: string
  /** Uploaded before anything is measured. */
  readonly warmUp?: string
  /** How often, at the same time. */
  readonly count: number
  /** With everything that proves the body. */
  readonly verified: boolean
}

/** What the uploads took, and all threads of the client; memory is what the peak was over the beginning. */
export interface UploadReport {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly overIdleMiB: number
}

/** A client, which is started for one job. */
export interface Uploader extends Measured {
  readonly program: string
  readonly arguments: (workload: string, job: UploadJob) => readonly string[]
  /** Reads what it wrote, where that is no report as JSON. */
  readonly report?: (output: string) => UploadReport
}

export function isUploader(contestant: Contestant | Uploader): contestant is Uploader {
  return 'arguments' in contestant
}
