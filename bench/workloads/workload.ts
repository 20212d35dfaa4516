/** What is measured: a title, a number with its unit, and a verification that has to pass for it to count. */
import type { Costs } from '../load/measure.ts'
import type { Uploader } from '../servers/contestant.ts'

/** The server under test, as the load generator sees it. */
export interface Target {
  readonly port: number
  readonly pid: number
  /** Its data folder: on the disk that is measured. */
  readonly folder: string
  /** See `filesIn` of a contestant. */
  readonly filesIn?: string
}

/** How much work a measurement is; `--quick` has a smaller one. */
export interface Scale {
  readonly bulkBytes: number
  readonly bulkWarmUpBytes: number
  /** Length of the timed part of everything that is counted per second. */
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Uploads that are open while growth is measured. */
  readonly openUploads: number
  /** Uploads, and objects, in the catalog while its growth is measured. */
  readonly rows: number
  /** Files that are deleted while small uploads are measured. */
  readonly deletedFiles: number
  /** How long the slow uploads go on. */
  readonly slowSeconds: number
  /** The file that clients upload; over a slow line; and the one of which only the size counts. */
  readonly uploadBytes: number
  readonly linkBytes: number
  readonly hugeBytes: number
}

export interface Measurement {
  /** In the workload's unit. */
  readonly value: number
  readonly costs?: Costs
  /** Of what the costs were for: bytes for bulk workloads, else requests or uploads. */
  readonly amount?: number
  /** Anything else worth keeping in the JSON. */
  readonly details?: Readonly<Record<string, number>>
}

interface Row {
  /** As it is named on the command line. */
  readonly name: string
  readonly title: string
  readonly unit: 'MB/s' | 'uploads/s' | 'requests/s' | 'MiB' | 'ms' | '×'
  readonly better: 'higher' | 'lower'
  /** What the server's CPU time is divided by; none where it says nothing. */
  readonly cpuPer?: 'GiB' | 'upload' | 'request'
  /** Leaves thousands of files: see the README on what deleting them does to the next measurement. */
  readonly manyFiles?: boolean
  /** Takes more than a few minutes. */
  readonly limitMinutes?: number
  /** Wants to know how late the server's event loop is. */
  readonly watchesLoop?: boolean
}

/** Of servers. */
export interface Workload extends Row {
  /** Warms the server up, measures, verifies. @throws Error when an answer or a byte is not as it must be */
  readonly run: (target: Target, scale: Scale) => Promise<Measurement>
}

/** Of clients. */
export interface UploadWorkload extends Row {
  readonly upload: (uploader: Uploader, place: UploadPlace, scale: Scale) => Promise<Measurement>
}

export interface UploadPlace {
  readonly workload: string
  readonly round: number
  /** Of this measurement. */
  readonly folder: string
  /** Of all of them: for files that are made once. */
  readonly shared: string
}
