/** One limit for all files of a run: those that are on their way share it evenly. */
import type { UploadControl } from 'pawl'

export interface SharedRate {
  join(control: UploadControl): void
  leave(control: UploadControl): void
}

/** @param limit Bytes a second; undefined is none. */
export function sharedRate(limit: number | undefined): SharedRate {
  const controls = new Set<UploadControl>()
  const share = () => {
    for (const control of controls)
      control.maxBytesPerSecond = limit === undefined ? undefined : Math.max(1, limit / controls.size)
  }
  return {
    join: (control) => {
      controls.add(control)
      share()
    },
    leave: (control) => {
      controls.delete(control)
      share()
    },
  }
}
