/** The options that `upload` and `resume` share. */
import { count, oneOf, size } from '../arguments.ts'
import type { TransferOptions } from './all.ts'

export const TRANSFER_FLAGS = {
  concurrency: { type: 'string' },
  'limit-rate': { type: 'string' },
  'part-size': { type: 'string' },
  verify: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const TRANSFER_HELP = `  --concurrency <n>    requests side by side, over all files (default 4)
  --limit-rate <size>  bytes a second over all files, such as 500kb or 2mib
  --part-size <size>   bytes per request; made to fit what the provider allows
  --verify <how>       what is read again before going on: sampled (default), full, off
  --json               one JSON object per line on stdout
`

interface Values {
  readonly concurrency?: string | undefined
  readonly 'limit-rate'?: string | undefined
  readonly 'part-size'?: string | undefined
  readonly verify?: string | undefined
  readonly json?: boolean | undefined
}

/** @throws UsageError */
export function transferOptions(values: Values): Omit<TransferOptions, 'beginAnew'> {
  return {
    json: values.json ?? false,
    concurrency: count(values.concurrency, '--concurrency'),
    limitRate: size(values['limit-rate'], '--limit-rate'),
    partSize: size(values['part-size'], '--part-size'),
    verify: oneOf(values.verify, '--verify', ['sampled', 'full', 'off']),
  }
}
