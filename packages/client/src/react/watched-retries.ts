import type { UploadOptions } from '../options.ts'
import { delayBefore, type RetryOptions, retryPolicy } from '../transfer/retry.ts'
import type { UploadWait } from './view.ts'

/** The same retries, and each wait is told when it begins. Those that are not given are the library's own. */
export function watchedRetries(
  retries: RetryOptions | undefined,
  told: (wait: UploadWait) => void,
): Pick<UploadOptions, 'retries'> {
  if (retries === undefined) return {}
  const policy = retryPolicy(retries, 0)
  return {
    retries: {
      max: policy.max,
      backoff: (context) => {
        const delay = delayBefore(policy, context)
        told({ error: context.error, until: Date.now() + delay })
        return delay
      },
    },
  }
}
